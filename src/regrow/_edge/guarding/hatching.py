"""The beginning of a nest: its process, and what joins us to it."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import socket
import subprocess
from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

from regrow._edge.grouping.handle import Handle
from regrow._edge.grouping.spawning import hold_process, nothing_blocked
from regrow._edge.guardian.locate import locate
from regrow._edge.tuning import Tuning

Kind: TypeAlias = Literal["compiled", "python"]


_found: dict[Kind, list[str]] = {}  # what is installed does not go away, and every spec is checked against it


def guardians(tuning: Tuning) -> list[list[str]]:
    """The commands of the guardians that there are here, the best one first."""
    kinds: tuple[Kind, ...] = ("compiled", "python")
    found = (_find(kind) for kind in kinds if tuning.guardian in {"auto", kind})
    return [command for command in found if command is not None]


def _find(kind: Kind) -> list[str] | None:
    if kind not in _found and (command := locate(kind)) is not None:
        _found[kind] = command
    return _found.get(kind)


@attrs.define(kw_only=True)
class Hatched:
    """The process of a nest, and our ends of what joins us to it."""

    handle: Handle
    control: socket.socket
    records: int
    life: int

    def discard(self) -> None:
        """End it."""
        self.control.close()
        os.close(self.records)
        os.close(self.life)
        self.handle.destroy()


def hatch(command: Sequence[str], *, with_pidfd: bool) -> Hatched:
    """Start a nest. In a thread: an exec may block.

    Raises:
        OSError: it cannot be started.
    """
    ours, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    records, their_records = os.pipe()
    their_life, life = os.pipe()
    theirs = (control.fileno(), their_records, their_life)
    numbers = [str(number) for number in (*theirs, os.getpid())]
    try:
        with nothing_blocked():
            process = subprocess.Popen([*command, *numbers], pass_fds=theirs, start_new_session=True, cwd="/", env={})
        process.returncode = 0  # a lie: it is ours to reap
        handle = hold_process(process.pid, with_pidfd=with_pidfd)
    except OSError:
        ours.close()
        os.close(records)
        os.close(life)
        raise
    finally:
        control.close()
        os.close(their_records)
        os.close(their_life)
    ours.setblocking(False)
    os.set_blocking(records, False)
    return Hatched(handle=handle, control=ours, records=records, life=life)
