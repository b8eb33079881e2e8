"""Threads that spawn: our own, because trio's end when idle and may all be busy with the application's work.

A child that is to die with its parent is tied to the *thread* that made it, and a restart must not queue behind
somebody's downloads. So there is one thread at rest and up to four in a burst, and each lives as long as the launcher.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread, current_thread
from typing import Any, Protocol, TypeVar, runtime_checkable

import trio

MOST = 4
"""A thread that spawns mostly waits for the kernel to start the child; more threads than this gain nothing."""

_T = TypeVar("_T")


@runtime_checkable
class Discardable(Protocol):
    """An answer that is something to give back."""

    def discard(self) -> None:
        """Nobody wants it. May block: not on the event loop."""


class Spawner:
    """Does in threads what may block, spawns first of all, and delivers each answer on trio's thread."""

    def __init__(self, break_down: Callable[[Exception], object] = lambda error: None) -> None:
        """*break_down* is called on trio's thread with an error that nobody has thought of: the launcher is broken."""
        self._break_down = break_down
        self._token = trio.lowlevel.current_trio_token()
        self._orders: SimpleQueue[tuple[Callable[[], Any], Callable[[Any], None]] | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._outstanding = 0
        self._is_closed = False
        self._all_ended = trio.Event()
        self._grow()

    def submit(self, work: Callable[[], _T], deliver: Callable[[_T], None]) -> None:
        """Have *work* done in a thread, and *deliver* called with what it returns. Nothing can cancel that."""
        self._outstanding += 1
        self._orders.put((work, deliver))
        if len(self._threads) < min(self._outstanding, MOST):
            with suppress(RuntimeError):  # no room for another thread: those that are there do it
                self._grow()

    async def close(self) -> None:
        """End the threads, when they have done what was submitted. From now on, nobody wants an answer."""
        self._is_closed = True
        for _ in self._threads:
            self._orders.put(None)
        await self._all_ended.wait()

    def _grow(self) -> None:
        thread = Thread(target=self._serve, name="regrow spawner", daemon=True)
        thread.start()
        self._threads.append(thread)

    # -- in a thread ---------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while (order := self._orders.get()) is not None:
            self._do(*order)
        self._post(self._thread_ended, current_thread())

    def _do(self, work: Callable[[], _T], deliver: Callable[[_T], None]) -> None:
        try:
            answer = work()
        except Exception as error:  # noqa: BLE001  this thread has more to do
            self._post(self._fail, error)
            return
        if not self._post(self._deliver, deliver, answer) and isinstance(answer, Discardable):
            answer.discard()

    def _post(self, call: Callable[..., None], *args: object) -> bool:
        try:
            self._token.run_sync_soon(call, *args)
        except trio.RunFinishedError:  # this thread was stuck for so long that nobody waits for it any more
            return False
        return True

    # -- on trio's thread ----------------------------------------------------------------------------------------------

    def _deliver(self, deliver: Callable[[_T], None], answer: _T) -> None:
        self._outstanding -= 1
        if not self._is_closed:
            try:
                deliver(answer)
            except Exception as error:  # noqa: BLE001  here it would be trio that breaks down
                self._break_down(error)
        elif isinstance(answer, Discardable):
            with suppress(RuntimeError):  # no room for a thread: then nobody reaps it
                Thread(target=answer.discard, name="regrow discard", daemon=True).start()

    def _fail(self, error: Exception) -> None:
        self._outstanding -= 1
        self._break_down(error)

    def _thread_ended(self, thread: Thread) -> None:
        thread.join()  # it has nothing more to do
        self._threads.remove(thread)
        if not self._threads:
            self._all_ended.set()
