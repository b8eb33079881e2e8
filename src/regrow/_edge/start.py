"""One start: from the request to a process or a refusal. Nobody can cancel it half way, but it can be revoked."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import trio
from trio.lowlevel import enable_ki_protection

from regrow._edge.holding import Answer, Spawned
from regrow._edge.posix import Process
from regrow._edge.readying.getting import look_before
from regrow._edge.request import Request
from regrow._edge.workshop import Workshop
from regrow._specs.protocol import Key, NotLaunched, Refusal

_PAUSES = (0.025, 0.05, 0.1)
"""Seconds before each new try when the program is busy: whoever copied it still has it open, or has just forked."""


class Start:
    """A program on its way to run."""

    def __init__(
        self,
        tools: Workshop,
        request: Request,
        when_done: Callable[[Start], None],
        when_gone: Callable[[Process], None],
    ) -> None:
        self._tools = tools
        self._request = request
        self._when_done = when_done
        self._when_gone = when_gone
        self._tries = 0
        self.is_revoked = False
        self.done = trio.Event()
        self.answer: Process | NotLaunched | None = None

    @property
    def key(self) -> Key:
        """Of which incarnation."""
        return self._request.key

    def begin(self) -> None:
        """Try it. The answer comes in any case."""
        self._tries += 1
        look = look_before(self._request) if self._tries == 1 else None
        if look is None or not self._tools.start_soon(self._look, look):
            self._tools.form.spawn(self._make, self._take)

    @enable_ki_protection
    async def _look(self, look: Callable[[], None]) -> None:
        """See what is there before it could have made it; a file system may never answer."""
        try:
            await self._tools.look(look)
        finally:
            self._tools.form.spawn(self._make, self._take)

    def give_up(self) -> None:
        """The launcher ends, and it is still stuck in the exec: the answer will be discarded."""
        self.answer = NotLaunched(refusal=Refusal.ENGINE, why="its launcher has ended before it was executed")
        self._request.discard()
        self.done.set()

    def _make(self) -> Any:
        """When its turn has come, perhaps in a thread."""
        if self.is_revoked:
            return NotLaunched(refusal=Refusal.REVOKED, why=f"{self.key} was revoked")
        return self._tools.order(self._request)

    def _take(self, answer: Answer) -> None:
        """Back on trio's thread, protected from KeyboardInterrupt: nothing gets lost between the spawn and this."""
        if isinstance(answer, Spawned):
            self.answer = Process(self._tools, self._request, answer, self._when_gone)
        elif answer.errno == errno.ETXTBSY and self._tries <= len(_PAUSES) and self._tools.start_soon(self._try_again):
            return
        else:
            self._request.discard()
            self.answer = answer
        self._when_done(self)
        self.done.set()

    @enable_ki_protection
    async def _try_again(self) -> None:
        try:
            await trio.sleep(_PAUSES[self._tries - 1])
        finally:
            self.begin()
