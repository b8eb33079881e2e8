"""What takes part, and how the session deals with all of them in the same way."""

from __future__ import annotations

import enum
import shlex
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import attrs

from benchmarks.workshop import DRIVERS

_BOOT = 60.0  # seconds that a contestant has to get ready


class Kind(enum.Enum):
    """What a contestant is to us."""

    FLOOR = "floor"
    OURS = "ours"
    PEER = "peer"


@attrs.frozen(kw_only=True)
class Wanted:
    """What a contestant is to do."""

    command: Sequence[str]
    count: int
    directory: Path
    """Its own, for whatever it has to write."""

    environment: Mapping[str, str]

    @property
    def script(self) -> str:
        """A shell script that becomes the command."""
        return f"#!/bin/sh\nexec {shlex.join(self.command)}\n"


class Running(Protocol):
    """A contestant at work."""

    pid: int

    def load(self) -> None:
        """Have it get ready to start them: read what it is to do."""

    def go(self) -> None:
        """Have it start all children."""

    def stop(self) -> None:
        """Have it stop all children, with a grace of one second."""

    def wait_stopped(self, within: float) -> bool:
        """Return when it says that all is stopped; false if that takes too long."""
        ...

    def kill(self) -> None:
        """Kill it, and nobody else."""


class Contestant(Protocol):
    """Something that runs processes."""

    name: str
    kind: Kind
    most: int
    """How many children it can be asked for in a reasonable time."""

    restarts: bool
    """Whether a child that ended comes back."""

    def missing(self) -> str:
        """Why it cannot take part here; empty if it can."""
        ...

    def prepare(self, wanted: Wanted) -> Running:
        """Get it as far as it can be before it starts children."""
        ...


class Driver:
    """A program of ours around a contestant. It talks to us by single letters: see `floor.c`."""

    def __init__(self, command: Sequence[str], wanted: Wanted) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs, (wanted.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, str(wanted.count), *wanted.command],
                stdin=theirs,
                stdout=theirs,
                stderr=log,
                env=dict(wanted.environment),
                cwd=wanted.directory,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._directory = wanted.directory
        self._wait_ready()

    def load(self) -> None:
        """Have it read its orders."""
        self._socket.sendall(b"l")
        self._wait_ready()

    def go(self) -> None:
        """Have it start all children."""
        self._socket.sendall(b"g")

    def stop(self) -> None:
        """Have it stop all children."""
        self._socket.sendall(b"s")

    def wait_stopped(self, within: float) -> bool:
        """Return when it says that all is stopped."""
        return self._hear(b"d", within)

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()
        self._socket.close()

    def _wait_ready(self) -> None:
        if not self._hear(b"r", _BOOT):
            self.kill()
            raise ContestantError(f"it does not get ready:\n{(self._directory / 'log').read_text()}")

    def _hear(self, letter: bytes, within: float) -> bool:
        self._socket.settimeout(within)
        with suppress(TimeoutError, ConnectionError):
            return self._socket.recv(1) == letter
        return False


class ContestantError(Exception):
    """A contestant does not do what it should."""


@attrs.frozen
class Driven:
    """A contestant with a driver."""

    name: str
    kind: Kind
    command: Sequence[str]
    most: int = 5000
    restarts: bool = True
    is_missing: str = ""

    def missing(self) -> str:
        """Why it cannot take part here."""
        return self.is_missing

    def prepare(self, wanted: Wanted) -> Running:
        """Start the driver."""
        return Driver(self.command, wanted)


def python(driver: str, *arguments: str) -> list[str]:
    """The command of a driver in Python."""
    return [sys.executable, str(DRIVERS / f"{driver}.py"), *arguments]


class Daemon:
    """A program that is started, runs its children, and ends when it is told to."""

    def __init__(self, command: Sequence[str], ask: Sequence[Sequence[str]], wanted: Wanted) -> None:
        self._command = command
        self._ask = ask
        self._wanted = wanted
        self._process: subprocess.Popen[bytes] | None = None
        self._asking: list[subprocess.Popen[bytes]] = []

    @property
    def pid(self) -> int:
        """Its number; 0 before it is started."""
        return self._process.pid if self._process else 0

    def load(self) -> None:
        """It cannot be loaded without being started."""

    def go(self) -> None:
        """Start it."""
        self._process = self._run(self._command)

    def stop(self) -> None:
        """SIGTERM, or the commands that it has for that."""
        if self._process is not None and not self._ask:
            self._process.terminate()
        self._asking = [self._run([word.format(pid=self.pid) for word in command]) for command in self._ask]

    def wait_stopped(self, within: float) -> bool:
        """Return at once: what it does when all children have ended is its own affair."""
        return True

    def kill(self) -> None:
        """Kill it, and what was to tell it to stop."""
        for process in [*self._asking, *([self._process] if self._process else [])]:
            process.kill()
            process.wait()

    def _run(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self._wanted.directory / "log").open("ab") as log:
            return subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self._wanted.environment),
                cwd=self._wanted.directory,
                start_new_session=True,
            )
