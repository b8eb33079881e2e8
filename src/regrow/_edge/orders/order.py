"""What to spawn, as plain values that any thread may read; and the descriptors that are open for it."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import fcntl
import os
import struct
import termios
from typing import Literal

import attrs

from regrow._edge.orders import refusals
from regrow._edge.orders.environment import Environment
from regrow._edge.orders.setup import PLAIN, Setup
from regrow._specs.protocol import Key

_USUAL_WINDOW = struct.pack("4H", 24, 80, 0, 0)

Strays = float | Literal["keep"]


@attrs.frozen(kw_only=True)
class Order:
    """What to spawn."""

    command: tuple[bytes, ...]
    env: Environment
    cwd: str | None = None

    has_stdin: bool = False
    """Whether its standard input is a pipe; else it is `/dev/null`."""

    has_output: bool = False
    """Whether its output comes through pipes; else it goes to `/dev/null`."""

    file: str | None = None
    """What to open for a copy of its output."""

    strays: Strays = 0.0
    """Seconds that the rest of its tree may go on when its main process has ended; or whether it is kept."""

    kill_wait: float = 5.0
    """Seconds after which a killed tree that is still there is called stuck."""

    setup: Setup = PLAIN
    """How it is to differ from us."""

    key: Key | None = None
    """Which incarnation it is; `None`: none of the tree's."""

    @property
    def program(self) -> str:
        """What its command begins with."""
        return os.fsdecode(self.command[0])


class Descriptors:
    """What is open for one spawn: the child's ends are closed in any case, ours if it fails."""

    def __init__(self) -> None:
        self._ours: list[int] = []
        self._theirs: list[int] = []

    def pipe(self, *, ours: Literal["read", "write"]) -> tuple[int, int]:
        """A pipe, as the child's end and our end; ours never blocks."""
        read, write = os.pipe()
        theirs, own = (write, read) if ours == "read" else (read, write)
        self._theirs.append(theirs)
        self._ours.append(own)
        os.set_blocking(own, False)
        return theirs, own

    def terminal(self) -> tuple[int, int]:
        """A pseudo-terminal, as the child's end and ours; ours never blocks."""
        own, theirs = os.openpty()
        self._ours.append(own)
        self._theirs.append(theirs)
        fcntl.ioctl(own, termios.TIOCSWINSZ, _USUAL_WINDOW)
        os.set_blocking(own, False)
        return theirs, own

    def own(self, fd: int) -> int:
        """Close *fd*, too, if it fails."""
        self._ours.append(fd)
        return fd

    def again(self, fd: int) -> int:
        """The same descriptor of ours once more."""
        self._ours.append(os.dup(fd))
        return self._ours[-1]

    def give(self) -> None:
        """Ours belong to what was spawned from now on."""
        self._ours.clear()

    def drop(self, fd: int) -> None:
        """One of ours has done its work."""
        self._ours.remove(fd)
        os.close(fd)

    def close_theirs(self) -> None:
        """The child has them now."""
        for fd in self._theirs:
            os.close(fd)
        self._theirs.clear()

    def close(self) -> None:
        """Close what is not given away."""
        self.close_theirs()
        for fd in self._ours:
            os.close(fd)
        self._ours.clear()


def open_file(path: str) -> int:
    """Open *path* to append to it. May block: not on the event loop.

    Raises:
        RefusedError: it cannot be opened.
    """
    # NONBLOCK: without it, opening a fifo that nobody reads would hold this thread for ever.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    try:
        return os.open(path, flags, 0o666)
    except OSError as error:
        raise refusals.no_file(error, path) from None
