"""The errors of starts that failed and of stops that did not help, where they leave the tree towards a caller."""

from __future__ import annotations

from regrow._decisions.entries import Entry
from regrow._specs.child import ChildSpec
from regrow._specs.exit import Exit
from regrow._specs.supervisor import AnySpec
from regrow.exceptions import StartFailedError, TerminateFailedError


def start_failed(path: str, exit: Exit, spec: AnySpec | None) -> StartFailedError:
    """The error for the child at *path*, with what should have been executed and where, if it is a process."""
    if isinstance(spec, ChildSpec):
        return StartFailedError(path, exit, program=spec.command[0], cwd=spec.cwd)
    return StartFailedError(path, exit)


def still_there(path: str, entry: Entry) -> TerminateFailedError:
    """The error for the child at *path*, which is stuck."""
    remains = entry.stuck
    assert remains is not None  # it is stuck
    return TerminateFailedError(path, remains.pid, remains.waited, remains.why)
