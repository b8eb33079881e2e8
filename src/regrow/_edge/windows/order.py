"""What to spawn on Windows, as plain values that any thread may read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress

import attrs

from regrow._edge.request import Request
from regrow._edge.windows.api import Limits
from regrow._edge.windows.command import merge
from regrow._edge.windows.limits import limits_of
from regrow._specs.child import Stdin
from regrow._specs.containment import Strays


@attrs.frozen(kw_only=True)
class JobOrder:
    """What to spawn, in a job of its own."""

    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str | None = None

    has_stdin: bool = False
    """Whether its standard input is a pipe; else it is `NUL`."""

    has_output: bool = False
    """Whether its output comes through pipes; else it goes to `NUL`."""

    file: str | None = None
    """What to open for a copy of its output."""

    strays: Strays = 0.0
    """Seconds that the rest of its job may go on when its main process has ended; or whether it is kept."""

    kill_wait: float = 5.0
    """Seconds after which a killed job that is not empty is called stuck."""

    limits: Limits = attrs.field(factory=Limits)


def order_of(request: Request) -> JobOrder:
    """How to spawn what is wanted."""
    spec = request.spec
    return JobOrder(
        command=spec.command,
        env=_environment(request),
        cwd=spec.cwd,
        has_stdin=spec.stdin is Stdin.PIPE,
        has_output=True,
        file=spec.output.file,
        strays=spec.strays,
        kill_wait=spec.stop.kill_wait,
        limits=limits_of(spec),
    )


def errand_of(request: Request, command: Sequence[str], pid: int) -> JobOrder:
    """How to spawn a command that helps to stop it."""
    env = _environment(request, {"REGROW_PID": str(pid)})
    return JobOrder(command=tuple(command), env=env, cwd=request.spec.cwd)


def _environment(request: Request, *more: Mapping[str, str]) -> dict[str, str]:
    ours = _our_environment() if request.spec.inherit_env else {}
    key = request.key
    who = {"REGROW_PATH": key.path, "REGROW_INCARNATION": str(key.incarnation)}
    return merge(ours, request.spec.env, who, *more)


def _our_environment() -> dict[str, str]:
    while True:
        with suppress(KeyError):  # another thread has just removed a variable
            return dict(os.environ)
