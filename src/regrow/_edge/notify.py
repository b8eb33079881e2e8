"""What one child says of itself, in the words of sd_notify(3): ready, alive, how it is, that it ends.

Whoever reads its socket (`notifying`) gives each datagram to `hear`. What it says of its life is kept here, to be asked
for; the rest is told at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import trio

from regrow._specs.activity import Via
from regrow._specs.child import ChildSpec
from regrow._specs.combined import leaves
from regrow._specs.hang import HangPolicy
from regrow._specs.protocol import Leaving, Remark, Report
from regrow._specs.readiness import Notified

_BEAT = b"WATCHDOG=1"
_ANSWERS = {
    b"MAINPID": "its main process is the one that was launched, and stays so",
    b"FDSTORE": "nothing keeps descriptors for its next incarnation; sockets= does that for sockets",
    b"WATCHDOG_USEC": "how long it may be silent, its spec says",
    b"RELOADING": "there is no state for that; STATUS= can say it",
}
"""Why what it asks for is not done."""

_LONGEST = 1000  # characters of a status


class Notifications:
    """What one incarnation has said, and who is told."""

    __slots__ = (
        "_answered", "_is_leaving", "_report", "_says", "address", "last_beat", "look", "pid", "ready", "triggered",
        "when_extended", "when_triggered",
    )  # fmt: skip

    def __init__(self, address: str, report: Report) -> None:
        self.address = address
        """What its `NOTIFY_SOCKET` says."""
        self.pid = 0
        """The number of its main process, once it runs."""
        self.ready = trio.Event()
        """Set when it says that it is ready. systemd: `READY=1`."""
        self.last_beat: float | None = None
        """When it last said that it is alive, on the run's clock; `None`: never. systemd: `WATCHDOG=1`."""
        self.triggered = False
        """Whether it has asked to be treated as hung. systemd: `WATCHDOG=trigger`."""
        self.when_triggered: Callable[[], object] | None = None
        """Called when it asks for that."""
        self.when_extended: Callable[[float], object] | None = None
        """Called with the seconds that it wants from now on until it is ready. systemd: `EXTEND_TIMEOUT_USEC`."""
        self.look: Callable[[], object] = _nothing
        """Hear now what it has said up to now; else that may take a moment."""
        self._report = report
        self._says = ""
        self._is_leaving = False
        self._answered: set[bytes] = set()

    def hear(self, data: bytes) -> None:
        """It says this: one datagram, `NAME=value` in each line. What is not known is passed over."""
        if data == _BEAT:  # nearly all that is ever said
            self.last_beat = trio.current_time()
            return
        for line in data.split(b"\n"):
            name, _, value = line.partition(b"=")
            self._hear_one(name, value)

    def _hear_one(self, name: bytes, value: bytes) -> None:
        match name, value:
            case b"READY", b"1":
                self.ready.set()
            case b"WATCHDOG", b"1":
                self.last_beat = trio.current_time()
            case b"WATCHDOG", b"trigger":
                self._be_triggered()
            case b"STATUS", _:
                self._say(value.decode(errors="replace")[:_LONGEST])
            case b"STOPPING", b"1":
                self._leave()
            case b"EXTEND_TIMEOUT_USEC", _:
                self._extend(value)
            case _:
                self._answer(name, value)

    def _be_triggered(self) -> None:
        self.triggered = True
        if self.when_triggered is not None:
            self.when_triggered()

    def _say(self, text: str) -> None:
        if text != self._says:
            self._says = text
            self._report(Remark(text))

    def _leave(self) -> None:
        if not self._is_leaving:
            self._is_leaving = True
            self._report(Leaving())

    def _extend(self, value: bytes) -> None:
        if value.isdigit() and self.when_extended is not None:
            self.when_extended(int(value[:18]) / 1e6)

    def _answer(self, name: bytes, value: bytes) -> None:
        """Say, once for each, why something is not done."""
        is_fine = name == b"MAINPID" and value == b"%d" % self.pid
        if name in _ANSWERS and name not in self._answered and not is_fine:
            self._answered.add(name)
            asked = f"{name.decode()}={value.decode(errors='replace')[:20]}"
            self._report(Remark(f"{asked} is not done: {_ANSWERS[name]}", is_answer=True))


class NotifyEnd(Protocol):
    """Our end of the socket of one child."""

    @property
    def heard(self) -> Notifications:
        """What it has said."""
        ...

    def begin(self, pid: int, *, is_prompt: bool) -> None:
        """It runs, as *pid*. With *is_prompt* hear it at once, until `relax`."""

    def relax(self) -> None:
        """It is ready: from now on it is heard every now and then."""

    def close(self) -> None:
        """Nobody listens any more."""


def is_wanted(spec: ChildSpec) -> bool:
    """Whether a child of *spec* is expected to say something."""
    is_watched = isinstance(spec.hang, HangPolicy) and any(beat.via is Via.NOTIFY for beat in spec.hang.beats)
    return is_watched or any(isinstance(probe, Notified) for probe in leaves(spec.ready))


def _nothing() -> None:
    """Nobody reads it yet, or any more."""
