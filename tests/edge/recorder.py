"""Real processes for tests: launched in a line, their facts kept, and nothing waited for but facts."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import psutil
import trio

from regrow._specs.child import ChildSpec
from regrow._specs.protocol import (
    Exited,
    Fact,
    Key,
    Launched,
    Lost,
    NotLaunched,
    OpenLauncher,
    Output,
    OutputGap,
    Ready,
    ReadyFailed,
    RunningProcess,
    Stream,
)

PATIENCE = 20.0
"""Seconds that a test waits for what must come: many times what it takes on a machine that is busy."""

_numbers = itertools.count(1)


def python(*lines: str) -> list[str]:
    """A command that runs some lines of Python. It starts in 10 ms, having imported `os`, `signal` and `sys`."""
    return [sys.executable, "-I", "-S", "-c", "\n".join(["import os, signal, sys", *lines])]


def sh(script: str) -> list[str]:
    """A command that runs a script of the shell."""
    return ["/bin/sh", "-c", script]


SLEEPS = ["/bin/sleep", "1000"]

DAEMON = (
    "ours, theirs = os.pipe()",
    "if os.fork(): os.read(ours, 1); os._exit(0)",  # not before the other one has left the group
    "os.setsid(); os.write(theirs, b'x')",
)
"""Lines of Python after which the main process has ended, and a descendant in a session of its own goes on."""


SAY = (
    "import socket",
    "where = os.environ['NOTIFY_SOCKET']",
    "teller = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "teller.connect('\\0' + where[1:] if where[0] == '@' else where)",
    "say = lambda text: teller.send(text.encode())",
)
"""Lines of Python after which `say(text)` tells the supervisor something."""


def is_there(pid: int) -> bool:
    """Whether there is a process of that number, alive or dead."""
    return psutil.pid_exists(pid)


def is_alive(pid: int) -> bool:
    """Whether there is one that is alive: a body is nobody's any more, and waits for init."""
    with suppress(psutil.Error):
        return psutil.Process(pid).status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    return False


def wait_dead(pid: int) -> None:
    """Hold everything up until it is dead. Nobody has reaped it then, because nobody had a turn to."""
    deadline = time.monotonic() + PATIENCE
    while is_alive(pid):
        assert time.monotonic() < deadline


def kill(pid: int) -> None:
    """What an operator does."""
    psutil.Process(pid).kill()


async def until(holds: Callable[[], object]) -> None:
    """Return when `holds()` is true, of something that tells nobody when it changes."""
    with trio.fail_after(PATIENCE):
        while not holds():  # noqa: ASYNC110  there is no event to wait for
            await trio.sleep(0.001)


class Life:
    """One incarnation: its key, the answer to its start, its facts."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.facts: list[Fact] = []
        self.answer: RunningProcess | NotLaunched | None = None
        self._has_changed = trio.Event()

    def report(self, fact: Fact) -> None:
        """Take a fact."""
        trio.lowlevel.current_trio_token()  # raises anywhere but on trio's thread
        assert not self.is_over, f"{fact} after the terminal fact"
        self.facts.append(fact)
        self._has_changed.set()

    async def wait_for(self, holds: Callable[[], object]) -> None:
        """Return when `holds()` is true, now or after one of the facts to come."""
        with trio.move_on_after(PATIENCE):
            while not holds():
                self._has_changed = trio.Event()
                await self._has_changed.wait()
            return
        raise AssertionError(f"what was waited for did not come; there is {self.story}")

    async def wait_printed(self, text: bytes) -> None:
        """Return when *text* is in its standard output."""
        await self.wait_for(lambda: text in self.stdout)

    async def wait_exited(self) -> Exited:
        """Return its terminal fact, which is `Exited`."""
        await self.wait_for(lambda: self.is_over)
        return self.exited

    @property
    def controls(self) -> RunningProcess:
        assert not isinstance(self.answer, NotLaunched | None), self.answer
        return self.answer

    @property
    def refusal(self) -> NotLaunched:
        assert isinstance(self.answer, NotLaunched), self.answer
        assert not self.facts, self.story
        return self.answer

    @property
    def pid(self) -> int:
        return next(fact.pid for fact in self.facts if isinstance(fact, Launched))

    @property
    def containment(self) -> str:
        return next(fact.containment for fact in self.facts if isinstance(fact, Launched))

    @property
    def is_over(self) -> bool:
        return bool(self.facts) and isinstance(self.facts[-1], Exited | Lost)

    @property
    def exited(self) -> Exited:
        assert isinstance(self.facts[-1], Exited), self.story
        return self.facts[-1]

    @property
    def is_ready(self) -> bool:
        return self.has(Ready)

    @property
    def failure(self) -> str:
        """Why it did not become ready."""
        return next(fact.why for fact in self.facts if isinstance(fact, ReadyFailed))

    @property
    def stdout(self) -> bytes:
        return self.output(Stream.STDOUT)

    @property
    def stderr(self) -> bytes:
        return self.output(Stream.STDERR)

    def output(self, stream: Stream) -> bytes:
        """What it has printed to *stream*, in one piece."""
        return b"".join(fact.data for fact in self.facts if isinstance(fact, Output) and fact.stream is stream)

    @property
    def missed(self) -> int:
        """How many bytes could not be passed on."""
        return sum(fact.bytes for fact in self.facts if isinstance(fact, OutputGap))

    def has(self, kind: type[Fact]) -> bool:
        return any(isinstance(fact, kind) for fact in self.facts)

    @property
    def story(self) -> str:
        return "\n  ".join([f"{self.key}:", *(repr(fact)[:200] for fact in self.facts)])


class Lab:
    """An open launcher, and whatever is launched with it."""

    def __init__(self, opened: OpenLauncher) -> None:
        self.opened = opened

    def life(self, incarnation: int = 1) -> Life:
        """One that has not begun."""
        return Life(Key("tree", f"app/w{next(_numbers)}", incarnation))

    async def start(self, life: Life, command: Sequence[str], **settings) -> Life:
        """Launch *command* as *life*, which keeps the answer."""
        spec = ChildSpec(**{"name": "w", "command": command, "output": "events", **settings})
        life.answer = await self.opened.launch(life.key, spec, life.report)
        return life

    async def launch(self, command: Sequence[str], **settings) -> Life:
        """Launch *command*; the answer is there when this returns."""
        with trio.fail_after(PATIENCE):
            return await self.start(self.life(), command, **settings)
