"""One process that is about to be ended, held so that its number cannot come to mean another before that."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import select
import signal
import time
from contextlib import suppress

import attrs

from regrow._edge.survivors.identity import Facts, look


@attrs.frozen(kw_only=True)
class Survivor:
    """A process that has outlived its supervisor: whose it was, and which it is."""

    path: str
    incarnation: int
    pid: int
    command: str


class Held:
    """A process with a pidfd: signals go to it, or to nobody. Where there is none, it is looked at before each."""

    def __init__(self, facts: Facts, survivor: Survivor, pidfd: int | None) -> None:
        self.facts = facts
        self.survivor = survivor
        self._pidfd = pidfd
        self.was_dead = self.is_gone()
        """It was but a body when it was found."""
        self.why_not = ""
        """Why it could not be signalled."""
        self._killed_at: float | None = None

    @property
    def pid(self) -> int:
        """Its number."""
        return self.facts.pid

    def is_still_there(self) -> bool:
        """Whether its number, and those of the group and the session that it leads, are still its own."""
        return self.facts.is_same(look(self.pid))

    def is_gone(self) -> bool:
        """Whether it has ended, reaped or not."""
        if self._pidfd is not None:
            return _is_readable(self._pidfd)
        facts = look(self.pid)
        return facts is None or not facts.is_same(self.facts) or facts.is_dead

    def send(self, number: int) -> None:
        """Send it a signal; nothing happens if it is gone, and what stands in the way is kept in `why_not`."""
        try:
            with suppress(ProcessLookupError):
                self._send(number)
        except PermissionError:
            self.why_not = "it may not be signalled by us"

    def kill(self) -> None:
        """End it."""
        self.send(signal.SIGKILL)
        self._killed_at = self._killed_at or time.monotonic()

    @property
    def was_killed_after(self) -> float:
        """For how many seconds it has gone on after the first kill."""
        return 0.0 if self._killed_at is None else time.monotonic() - self._killed_at

    def close(self) -> None:
        """Let go of it."""
        if self._pidfd is not None:
            os.close(self._pidfd)

    def _send(self, number: int) -> None:
        if sys.platform == "linux" and self._pidfd is not None:
            signal.pidfd_send_signal(self._pidfd, number)
        elif self.is_still_there():
            os.kill(self.pid, number)


def hold(facts: Facts, survivor: Survivor, *, with_pidfd: bool) -> Held | None:
    """Hold the process that *facts* were seen of; `None` if it is gone.

    Raises:
        OSError: no descriptor is left.
    """
    pidfd = None
    if sys.platform == "linux" and with_pidfd:
        try:
            pidfd = os.pidfd_open(facts.pid)
        except ProcessLookupError:
            return None
    held = Held(facts, survivor, pidfd)
    if held.is_still_there():  # only now: it is held, so what is seen here stays true of it
        return held
    held.close()
    return None


def _is_readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))
