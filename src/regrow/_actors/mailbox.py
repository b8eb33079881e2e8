"""How actors talk: a mailbox belongs to one actor, everybody else has a ref to it."""

from __future__ import annotations

import math
from typing import Any, Generic, TypeVar

import attrs
import trio

_M = TypeVar("_M")
_M_contra = TypeVar("_M_contra", contravariant=True)
_A = TypeVar("_A")


@attrs.define(eq=False)
class Request(Generic[_A]):
    """A question that is on its way, and the place for its answer."""

    _answered: trio.Event = attrs.field(factory=trio.Event, init=False)
    _answer: _A | None = attrs.field(default=None, init=False)
    _error: Exception | None = attrs.field(default=None, init=False)

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer, or an error."""
        return self._answered.is_set()

    @property
    def is_refused(self) -> bool:
        """Whether there is an error."""
        return self._error is not None

    def answer(self, answer: _A) -> None:
        """Give the answer."""
        self._answer = answer
        self._answered.set()

    def refuse(self, error: Exception) -> None:
        """Let the asker fail with *error*."""
        self._error = error
        self._answered.set()

    async def wait(self) -> _A:
        """Return the answer, or raise the error. Cancelling does not take the request back."""
        await self._answered.wait()
        if self._error is not None:
            raise self._error
        return self._answer  # type: ignore[return-value]  # a request whose answer is None is a Request[None]


class Ref(Generic[_M_contra]):
    """What others hold of an actor."""

    def __init__(self, send: trio.MemorySendChannel[Any]) -> None:
        self._send = send

    def tell(self, message: _M_contra) -> bool:
        """Send *message* and go on. False: the actor has ended, and nobody will read it."""
        try:
            self._send.send_nowait(message)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return False
        return True


class Mailbox(Generic[_M]):
    """Where an actor's messages wait, unbounded: what is told is told once, and small."""

    def __init__(self) -> None:
        send, self._receive = trio.open_memory_channel[_M](math.inf)
        self.ref: Ref[_M] = Ref(send)

    async def receive(self) -> _M:
        """The next message, in the order that they were told."""
        return await self._receive.receive()

    def close(self) -> list[_M]:
        """Take no more messages; return those that nobody has read."""
        left: list[_M] = []
        while True:
            try:
                left.append(self._receive.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                break
        self._receive.close()
        return left
