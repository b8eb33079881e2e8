"""The error of a start that failed, where it leaves the tree towards a caller."""

from __future__ import annotations

from regrow._specs.child import ChildSpec
from regrow._specs.exit import Exit
from regrow._specs.supervisor import AnySpec
from regrow.exceptions import StartFailedError


def start_failed(path: str, exit: Exit, spec: AnySpec | None) -> StartFailedError:
    """The error for the child at *path*, with what should have been executed and where, if it is a process."""
    if isinstance(spec, ChildSpec):
        return StartFailedError(path, exit, program=spec.command[0], cwd=spec.cwd)
    return StartFailedError(path, exit)
