"""The supervisor's side of one nest: a process of ours whose children, the shims, each guard the tree of one child.

Nothing here waits. Records are read when there are some, again not too many in a row; what one of
them tells of a child goes to the `Ward` that was given with its start. When a nest dies, its shims end what they guard;
when the last of them has ended, which the end of the records' pipe says, whatever has not been told is lost.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import attrs
import trio

from regrow._edge.grouping.waiting import Deaths
from regrow._edge.guardian import wire
from regrow._edge.guardian.records import SIZE, Record, decode
from regrow._edge.guarding.hatching import Hatched
from regrow._edge.guarding.mail import Letter, Message, Outbox, Plain
from regrow._edge.reactor import Reactor

_MOMENT = 0.001  # seconds
_BATCH = 8  # records read at a time
_SPELL = 0.002  # seconds after which no more of them are read in a row: what is left makes the pipe readable again


@attrs.frozen
class Surroundings:
    """What nests share with all else of their launcher."""

    reactor: Reactor
    deaths: Deaths
    start_soon: Callable[..., bool]


class Ward(Protocol):
    """Who is told what becomes of one child."""

    def hear(self, record: Record) -> None:
        """Its guardians say this of it."""

    def lose(self, why: str, loss: str) -> None:
        """Nothing more will be told: its guardians are gone, and it with them."""


class Nest:
    """One nest, from its start to the end of the last of its shims."""

    def __init__(self, hatched: Hatched, surroundings: Surroundings, when_ended: Callable[[Nest], None]) -> None:
        self._reactor = surroundings.reactor
        self._when_ended = when_ended
        self._handle = hatched.handle
        self._control = hatched.control
        self._records = hatched.records
        self._life = hatched.life
        self._wards: dict[int, Ward] = {}
        self._outbox = Outbox(self._control, surroundings.start_soon)
        self._last_id = 0
        self.name = f"guardian {self._handle.pid}"
        self._caught_up = 0.0
        self._is_told = False  # all that its guardians had to tell
        self._is_buried = False
        self._is_watched = True  # our end of its socket
        self._reactor.watch(self._records, self._read)
        self._reactor.watch(self._control.fileno(), self._hang_up)
        surroundings.deaths.watch(self._handle, self._bury)

    def adopt(self, ward: Ward) -> int:
        """A number for a child that is going to be asked for. What is told of it goes to *ward*."""
        self._last_id += 1
        self._wards[self._last_id] = ward
        return self._last_id

    def hand_over(self, child: int, ward: Ward) -> None:
        """What is told of a child goes to *ward* from now on."""
        self._wards[child] = ward

    def forget(self, child: int) -> None:
        """Nothing more will be told of it, or nobody wants to hear it."""
        self._wards.pop(child, None)

    @property
    def is_over(self) -> bool:
        """It takes no start any more: its end was seen, or asked for."""
        return self._outbox.is_closed

    def send(self, letter: Letter) -> None:
        """Send *letter* as soon as there is room: all in the order in which they were given."""
        self._outbox.send(letter)

    def order(self, child: int, request: wire.Request) -> None:
        """Send an order about a child that was asked for; none is sent about one that is gone."""
        if child in self._wards:
            self.send(Plain(Message(request)))

    def wake(self) -> None:
        """Somebody may have stopped it, and it is needed now."""
        with suppress(PermissionError):
            self._handle.send(signal.SIGCONT)

    def catch_up(self) -> None:
        """Hear now what its guardians have told already. Not again within a moment: many are stopped at a time."""
        now = time.perf_counter()
        if not self._is_told and now - self._caught_up > _MOMENT:
            self._caught_up = now
            self._read()

    def has_died(self) -> bool:
        """Whether it is dead, or is about to be: its end of our socket is closed."""
        if not self.is_over:
            with suppress(BlockingIOError):
                if not _peek(self._control):
                    self._outbox.close()
        return self.is_over

    def close(self) -> None:
        """Let it end, and all that it guards. What was not sent yet is not."""
        self._outbox.close()
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)

    def abandon(self) -> None:
        """It does not end: break what joins us to it. All guardians see that, as soon as they see anything."""
        if not self._is_told:
            self.close()
            self._finish()

    # -- its records, and its end --------------------------------------------------------------------------------------

    def _read(self) -> None:
        until = time.perf_counter() + _SPELL
        while time.perf_counter() < until:
            try:
                data = os.read(self._records, SIZE * _BATCH)
            except BlockingIOError:
                return
            if not data:
                self._finish()
                return
            for record in decode(data):
                self._tell(record)
            if len(data) < SIZE * _BATCH:
                return

    def _tell(self, record: Record) -> None:
        ward = self._wards.get(getattr(record, "id", 0))
        if ward is not None:
            ward.hear(record)

    def _hang_up(self) -> None:
        """The nest never says anything here, so it is gone. Its shims are about to end what they guard."""
        if self.has_died():
            self._unwatch_control()

    def _finish(self) -> None:
        """The last guardian has ended, or we do not want to know any more."""
        self._outbox.close()
        self._reactor.unwatch(self._records)
        self._unwatch_control()
        trio.lowlevel.notify_closing(self._control)  # letters may wait for room in it; its number is soon given away
        self._control.close()
        os.close(self._records)
        os.close(self._life)
        wards, self._wards = self._wards, {}
        for ward in wards.values():
            ward.lose("its guardian is gone, and it with it", self.name)
        self._is_told = True
        self._look_if_ended()

    def _bury(self) -> None:
        """Its body is to be collected; its shims may live on for a moment."""
        self._handle.reap()
        self._is_buried = True
        self._outbox.close()
        self._look_if_ended()

    def _look_if_ended(self) -> None:
        if self._is_told and self._is_buried:
            self._when_ended(self)

    def _unwatch_control(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._reactor.unwatch(self._control.fileno())


def _peek(control: socket.socket) -> bytes:
    """What is there to be read; nothing, if the other end is closed."""
    try:
        return control.recv(1, socket.MSG_PEEK)
    except ConnectionResetError:  # it was closed with something in it that nobody had read
        return b""
