"""A command that a stop step runs: no child of the tree; its output is discarded; it ends with its step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import trio

from regrow._edge.holding import Answer, Ending, Form, Hold
from regrow._specs.protocol import NotLaunched, Refusal


class Errand:
    """One run of one command, over when it is dead and reaped, or could not be executed."""

    def __init__(self, form: Form, when_over: Callable[[Errand], None]) -> None:
        self._form = form
        self._when_over = when_over
        self._hold: Hold | None = None
        self._is_unwanted = False
        self.over = trio.Event()
        self.was_refused = False
        self.outcome = ""
        """How it ended, in words, once it is over; empty: with the exit code 0."""

    def begin(self, order: Any) -> None:
        """Start it."""
        self._form.spawn(partial(self._make, order), self._spawned)

    def end(self) -> None:
        """Kill it, with all that it has started, if it is not over."""
        self._is_unwanted = True
        if self._hold is not None:
            self._hold.kill()

    def _make(self, order: Any) -> Any:
        if self._is_unwanted:
            return NotLaunched(refusal=Refusal.REVOKED, why="its step is over")
        return order

    def _spawned(self, answer: Answer) -> None:
        if isinstance(answer, NotLaunched):
            self.was_refused = True
            self.outcome = answer.why
            self._be_over()
            return
        self._hold = answer.hold
        answer.hold.watch(self._died)
        if self._is_unwanted:
            self.end()

    def _died(self) -> None:
        assert self._hold is not None
        self._hold.end_strays(self._bury, _ignore, at_once=True)

    def _bury(self, strays: int) -> None:
        assert self._hold is not None
        self.outcome = _words(self._hold.reap())
        self._be_over()

    def _be_over(self) -> None:
        self.over.set()
        self._when_over(self)


def _words(ending: Ending) -> str:
    if ending.signal is not None:
        return f"ended by {ending.signal}"
    if ending.code is None:
        return ending.lost or "its exit code is not known"
    return f"exit code {ending.code}" if ending.code else ""


def _ignore(why: str) -> None:
    """What of an errand does not die is still looked after by its guardian."""
