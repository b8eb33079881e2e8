"""What is told to a nest: one letter after the other, when it has room for it, and not too many in a row."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import array
import errno
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeGuard

import attrs
import trio
from trio.lowlevel import enable_ki_protection

from regrow._edge.guardian import wire

_IN_A_ROW = 16  # letters that are sent at once; more wait until other tasks have had their turn
_NO_ROOM = {errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM}
_DEAD = {errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.ECONNREFUSED}
_IN_ONE = 32  # orders in one letter; so many shims wake up at once, and want the processors
_ROW = 0.001  # seconds that such a row is one row


@attrs.frozen
class Message:
    """What goes over the socket at once."""

    request: wire.Request
    fds: Sequence[int] = ()


class Letter(Protocol):
    """Something to tell the nest when its turn has come. One of `sent`, `lost` and `failed` is called in the end."""

    def write(self) -> Message | None:
        """What to send; `None`: nothing after all, and it is done with. Called again if there was no room."""
        ...

    def sent(self) -> None:
        """It is on its way."""

    def lost(self) -> None:
        """It will not be sent: the nest is over."""

    def failed(self, error: OSError) -> None:
        """It cannot be sent, to this nest or any other."""


@attrs.frozen
class Plain:
    """An order: if it is lost, so is the child that it is about."""

    message: Message
    is_single: bool = True

    def write(self) -> Message:
        return self.message

    def sent(self) -> None:
        pass

    def lost(self) -> None:
        pass

    def failed(self, error: OSError) -> None:
        pass


class Outbox:
    """Letters to one nest, sent in the order in which they were given. A thousand do not hold up the event loop."""

    def __init__(self, control: socket.socket, start_soon: Callable[..., bool]) -> None:
        self._control = control
        self._start_soon = start_soon
        self._letters: deque[Letter] = deque()
        self._is_pumping = False
        self._row_began = 0.0
        self._row_length = 0
        self._ordered_at = 0.0
        self.is_closed = False
        """Nobody reads them any more."""

    def send(self, letter: Letter) -> None:
        """Send it as soon as there is room."""
        if self.is_closed:
            letter.lost()
        elif self._letters or not self._is_turn(letter) or not self._post(letter):
            self._letters.append(letter)
            self._pump_soon()
            if len(self._letters) % _IN_A_ROW == 0:
                self._send_a_row()  # the nest has something to do meanwhile

    def close(self) -> None:
        """Send nothing more."""
        self.is_closed = True
        letters, self._letters = self._letters, deque()
        for letter in letters:
            letter.lost()

    def _is_turn(self, letter: Letter) -> bool:
        """Whether it may be sent at once. An order that follows another waits for more: they become one letter."""
        now = time.perf_counter()
        if isinstance(letter, Plain):
            before, self._ordered_at = self._ordered_at, now
            return now - before > _ROW
        if now - self._row_began > _ROW:
            self._row_began, self._row_length = now, 0
        self._row_length += 1
        return self._row_length <= _IN_A_ROW

    def _pump_soon(self) -> None:
        if not self._is_pumping:
            self._is_pumping = self._start_soon(self._pump)

    @enable_ki_protection
    async def _pump(self) -> None:
        """Send what waits, as others have had their turn and the nest has room."""
        try:
            while self._letters and not self.is_closed:
                with suppress(trio.ClosedResourceError):
                    await trio.lowlevel.wait_writable(self._control)
                self._send_a_row()
        finally:
            self._is_pumping = False

    def _post(self, letter: Letter) -> bool:
        """Write and send one letter; false if there is no room for it."""
        message = letter.write()
        if message is None:
            return True
        try:
            _send(self._control, message)
        except OSError as error:
            return self._fail(letter, error)
        else:
            letter.sent()
        return True

    def _send_a_row(self) -> None:
        for _ in range(_IN_A_ROW):
            if not self._letters:
                return
            letter = self._join_orders() if _is_single(self._letters[0]) else self._letters.popleft()
            if not self._post(letter):
                self._letters.appendleft(letter)
                return

    def _join_orders(self) -> Plain:
        """One letter of the orders that come first: many are stopped at a time."""
        orders: list[bytes] = []
        while self._letters and len(orders) < _IN_ONE and _is_single(first := self._letters[0]):
            orders.append(first.message.request.message)
            self._letters.popleft()
        return Plain(Message(wire.Request(message=b"".join(orders))), is_single=False)

    def _fail(self, letter: Letter, error: OSError) -> bool:
        if error.errno in _NO_ROOM:
            return False
        if error.errno in _DEAD:  # the end of the records' pipe will say so, too
            letter.lost()
            self.close()
        else:
            letter.failed(error)
        return True


def _is_single(letter: Letter) -> TypeGuard[Plain]:
    return isinstance(letter, Plain) and letter.is_single


def _send(control: socket.socket, message: Message) -> None:
    if message.request.memory is not None:
        memory = _in_memory(message.request.memory)
        try:
            control.sendmsg([message.request.message], [_rights((*message.fds, memory))])
        finally:
            os.close(memory)
    elif message.fds:
        control.sendmsg([message.request.message], [_rights(message.fds)])
    else:
        control.send(message.request.message)


def _rights(fds: Sequence[int]) -> tuple[int, int, bytes]:
    return socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds).tobytes()


def _in_memory(data: bytes) -> int:
    """A file without a name that holds *data*."""
    if sys.platform == "linux":
        memory = os.memfd_create("regrow start", os.MFD_CLOEXEC)
        with open(memory, "wb", closefd=False) as file:
            file.write(data)
        return memory
    raise OSError(errno.ENOSYS, "there are no guardians here")
