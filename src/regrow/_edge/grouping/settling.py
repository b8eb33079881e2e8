"""How a child of our own is made what its spec wants: by a small program that becomes it. See `settle`."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import attrs

from regrow._edge.grouping.settle import VERDICT
from regrow._edge.guardian import records, wire
from regrow._edge.guarding import letters
from regrow._edge.orders.accounts import Identity
from regrow._edge.orders.order import Order
from regrow._edge.orders.refusals import RefusedError
from regrow._edge.orders.setup import PLAIN

_PROGRAM = Path(__file__).with_name("settle.py")
_PYTHON_IGNORES = {signal.SIGPIPE, signal.SIGXFSZ}  # and Popen sets them back


@attrs.frozen(kw_only=True)
class Needs:
    """What was found and opened for it."""

    program: str
    identity: Identity | None
    fds: Mapping[int, int]
    """The child's numbers to ours."""


def has_to_settle(order: Order) -> bool:
    """Whether it takes more than a plain spawn. Signals that we ignore would be inherited by a plain one."""
    return order.setup is not PLAIN or any(
        signal.getsignal(number) == signal.SIG_IGN for number in signal.valid_signals() - _PYTHON_IGNORES
    )


def command(job: int, verdict: int) -> list[str]:
    """What is spawned instead; *job* and *verdict* are descriptors that it inherits."""
    return [sys.executable, "-I", "-S", str(_PROGRAM), str(job), str(verdict)]


def write_job(job: int, order: Order, needs: Needs) -> None:
    """Tell it what to do; close *job* then. May block: not on the event loop."""
    setup, who = order.setup, needs.identity
    what = {
        "program": _text(os.fsencode(needs.program)),
        "command": [_text(word) for word in order.command],
        "env": {_text(name): _text(value) for name, value in order.env.to_dict().items()},
        "cwd": _text(letters.directory(order)),
        "umask": setup.umask,
        "nice": setup.nice,
        "io_priority": setup.io_priority,
        "affinity": setup.affinity,
        "rlimits": setup.rlimits,
        "user": None if who is None else who.user,
        "group": None if who is None else who.group,
        "groups": None if who is None else who.groups,
        "no_new_privs": setup.no_new_privs,
        "terminal": setup.terminal,
        "fds": {str(number): fd for number, fd in needs.fds.items()},
        "listen_pid": bool(setup.sockets),
    }
    os.set_blocking(job, True)
    with open(job, "w", encoding="ascii", closefd=False) as file:
        json.dump(what, file)


def hear_verdict(verdict: int, order: Order, program: str) -> None:
    """Return when it has become the program. May block: not on the event loop.

    Raises:
        RefusedError: it could not.
    """
    os.set_blocking(verdict, True)
    said = os.read(verdict, VERDICT.size)
    if said:
        stage, number, which = VERDICT.unpack(said)
        if stage == wire.Stage.EXEC:
            which = letters.candidates(order).index(os.fsencode(program))
        failed = records.Failed(id=0, stage=wire.Stage(stage), errno=number, candidate=which)
        raise RefusedError(letters.explain(failed, order))


def _text(data: bytes) -> str:
    return data.decode("latin-1")
