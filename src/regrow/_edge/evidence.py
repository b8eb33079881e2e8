"""What a process that seems to hang is at: its threads, its open files, its stack. All of it bounded."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import islice

import attrs
import trio

from regrow._specs.protocol import Evidence, ThreadState
from regrow._specs.signals import signal_number

BOUND = 2.0
"""Seconds for a dump, at most."""

_MOST = 100  # threads, and files
_LONGEST = 64 * 1024  # characters of a stack
_FIRST_WORD = 0.5  # seconds until a stack begins to be printed
_QUIET = 0.05  # seconds of silence after which it is printed
_MARK = re.compile(r"/memfd:regrow-dump-(\w+)")  # what `regrow.child.dump_on` holds open as long as it holds
_STATES = {
    "R": "running",
    "S": "sleeping",
    "I": "sleeping",
    "D": "disk sleep",
    "T": "stopped",
    "t": "stopped",
    "Z": "zombie",
    "X": "zombie",
}

Signal = Callable[[int], object]
"""Sends a signal to the main process."""


class Ear:
    """Hears what a process prints to its standard error while it is asked for its stack."""

    def __init__(self) -> None:
        self._parts: list[bytes] | None = None
        self._news = trio.Event()
        self._turn = trio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether what is printed now is an answer to us, and no sign of life."""
        return self._parts is not None

    def hear(self, data: bytes) -> None:
        """It has printed this."""
        if self._parts is not None:
            self._parts.append(data)
            self._news.set()

    async def listen(self, ask: Callable[[], object]) -> str:
        """What it prints after *ask* was called; empty: nothing. Who asks at the same time has to wait."""
        async with self._turn:
            self._parts = parts = list[bytes]()
            try:
                ask()
                wait = _FIRST_WORD
                while await self._hears(wait):
                    wait = _QUIET
            finally:
                self._parts = None
        return b"".join(parts).decode(errors="replace")[:_LONGEST]

    async def _hears(self, seconds: float) -> bool:
        self._news = trio.Event()
        with trio.move_on_after(seconds):
            await self._news.wait()
        return self._news.is_set()


@attrs.frozen
class Subject:
    """A process that is examined."""

    pid: int
    signal: Signal
    ear: Ear
    dump: bool | str = True
    """What its hang policy says of it."""


async def stack(subject: Subject, looked: Looked) -> str:
    """The stack of a Python child: it prints it itself if it can be asked to; else py-spy says it, if it is there."""
    name = subject.dump if isinstance(subject.dump, str) else looked.marked
    number = signal_number(name) if name else None
    if number is not None and looked.catches(number):
        with suppress(OSError):
            if text := await subject.ear.listen(lambda: subject.signal(number)):
                return text
    return await _spy(subject.pid) if looked.is_python and subject.dump else ""


async def _spy(pid: int) -> str:
    program = shutil.which("py-spy")
    if program is None:
        return ""
    command = [program, "dump", "--nonblocking", "--pid", str(pid)]
    with suppress(OSError):
        done = await trio.run_process(command, capture_stdout=True, stderr=subprocess.DEVNULL, check=False)
        return done.stdout.decode(errors="replace")[:_LONGEST] if done.returncode == 0 else ""
    return ""


@attrs.frozen(kw_only=True)
class Looked:
    """What a look at `/proc` says, besides what every evidence has."""

    threads: tuple[ThreadState, ...] = ()
    files: tuple[str, ...] = ()
    caught: int = 0
    """The signals that it catches, as a mask."""

    is_python: bool = False

    def catches(self, number: int) -> bool:
        """Whether a signal does what the child says, and does not end it."""
        return bool(self.caught >> (number - 1) & 1)

    @property
    def marked(self) -> str:
        """The signal that it says to dump its stack on."""
        found = next(filter(None, map(_MARK.match, self.files)), None)
        return found[1] if found else ""

    def add_to(self, evidence: Evidence, *, dump: bool) -> Evidence:
        """*evidence* with this."""
        return attrs.evolve(evidence, threads=self.threads, open_files=self.files[:_MOST] if dump else ())


def look(pid: int) -> Looked:
    """Look at *pid*. Blocks: run in a thread. What cannot be read is left out."""
    found = Looked()
    if sys.platform == "linux":
        found = _look(pid)
    return found


def _look(pid: int) -> Looked:
    program = ""
    with suppress(OSError):
        program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    return Looked(
        threads=tuple(_threads(pid)),
        files=tuple(_files(pid)),
        caught=_caught(pid),
        is_python=program.startswith(("python", "pypy")),
    )


def _threads(pid: int) -> list[ThreadState]:
    found: list[ThreadState] = []
    with suppress(OSError), os.scandir(f"/proc/{pid}/task") as threads:
        for thread in islice(threads, _MOST):
            with suppress(OSError, ValueError, IndexError):
                found.append(_thread(thread.path))
    return found


def _thread(path: str) -> ThreadState:
    with open(f"{path}/stat", encoding="utf-8", errors="replace") as file:
        head, _, rest = file.read().rpartition(")")
    waits_in = ""
    with suppress(OSError), open(f"{path}/wchan", encoding="ascii") as channel:
        waits_in = channel.read().strip()
    return ThreadState(head.partition("(")[2], _STATES.get(rest.split()[0], rest.split()[0]), waits_in.strip("0"))


def _files(pid: int) -> list[str]:
    """The marks of ours first, and a few more than are kept: they are to be found whatever else is open."""
    found: list[str] = []
    with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as files:
        for file in islice(files, 100 * _MOST):
            with suppress(OSError):
                found.append(os.readlink(file.path))
    return sorted(found, key=lambda target: not _MARK.match(target))


def _caught(pid: int) -> int:
    with suppress(OSError, ValueError), open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("SigCgt:"):
                return int(line.split()[1], 16)
    return 0
