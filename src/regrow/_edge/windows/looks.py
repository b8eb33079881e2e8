"""Who is to be looked at, and when: a message of a job is a hint, and a look says what is.

Windows does not promise that each message arrives, and one may arrive before the process that it is about has ended
wholly. So a hint is followed by looks, soon and then ever more seldom, until there was something to see; and everybody
is looked at now and then, hint or no hint.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio
from trio.lowlevel import enable_ki_protection

_FIRST, _LAST = 0.001, 0.1  # seconds between two looks at those about whom there was a hint
_TRIES = 16  # a second, all in all
_ROUND = 5.0  # seconds between two looks at all: for hints that got lost

Look = Callable[[], bool]
"""Looks, and does what follows from that; says whether there was something to see."""


@attrs.define
class _Watched:
    pid: int
    look: Look
    tries: int = 0
    """How often it is still to be looked at soon."""


class Looks:
    """Has everybody looked at, in one task for all of them."""

    def __init__(self) -> None:
        self._watched: dict[int, _Watched] = {}
        self._hinted: set[int] = set()
        self._pause = _FIRST
        self._news = trio.Event()

    def watch(self, key: int, pid: int, look: Look) -> None:
        """Call *look* soon, and when there is reason to, until `forget`; *pid* is whose end it is about."""
        self._watched[key] = _Watched(pid, look)
        self.expect(key)

    def forget(self, key: int) -> None:
        """Never look at *key* again."""
        self._watched.pop(key, None)
        self._hinted.discard(key)

    def hear(self, key: int, pid: int) -> None:
        """The job of *key* says that *pid* has ended, or, if that is 0, that it is empty."""
        watched = self._watched.get(key)
        if watched is not None and pid in {0, watched.pid}:
            self.hint(key)

    def hint(self, key: int) -> None:
        """There is reason to look at *key*, now and perhaps again."""
        watched = self._watched.get(key)
        if watched is not None and not watched.look():
            self.expect(key)

    def expect(self, key: int) -> None:
        """There is going to be reason to look at *key*, soon."""
        if key in self._watched:
            self._watched[key].tries = _TRIES
            self._hinted.add(key)
            self._pause = _FIRST
            self._news.set()

    @enable_ki_protection
    async def run(self) -> None:
        """Look, until cancelled; then it may be run again."""
        round_at = trio.current_time() + _ROUND
        while True:
            await self._wait(round_at)
            if trio.current_time() >= round_at:
                round_at = trio.current_time() + _ROUND
                self._look_at(tuple(self._watched))
            else:
                self._look_at(tuple(self._hinted))

    async def _wait(self, round_at: float) -> None:
        """Wait until there is something to do."""
        self._news = trio.Event()
        if self._hinted:
            await trio.sleep(self._pause)
            self._pause = min(2 * self._pause, _LAST)
        else:
            with trio.move_on_at(round_at if self._watched else float("inf")):
                await self._news.wait()

    def _look_at(self, keys: tuple[int, ...]) -> None:
        for key in keys:
            watched = self._watched.get(key)  # a look may end another one, too
            if watched is not None:
                self._hinted.discard(key)  # before the look, after which something else may be expected
                watched.tries -= 1
                if not watched.look() and watched.tries > 0:
                    self._hinted.add(key)
