"""An oracle of events: a sink that a test asks what has happened, and what happens next.

    recorder = Recorder()
    async with open_supervisor(spec, sinks=[recorder]):
        launcher.newest("web").exit(1)
        await recorder.expect(match(ChildExited, path="web"), ChildReady("web", 2))

It waits by being told, never by looking again, so it works on every clock; all seconds are trio's. A failure shows what
is missing, what came nearest, and the timeline.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import trio

from regrow._specs.event import Event
from regrow.testing._oracle import story
from regrow.testing._oracle.patterns import Match, Pattern, find_run, is_match, match

__all__ = ["Match", "Pattern", "Recorder", "match"]

WITHIN = 5.0
"""Seconds that an expectation waits, unless it says otherwise."""


class Recorder:
    """A sink that keeps every event. It belongs to the event loop of its tree: ask it there."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        """All there were, oldest first."""
        self._read = 0  # the place of the first event that no `expect` has passed
        self._waiting = trio.lowlevel.ParkingLot()

    def __call__(self, event: Event) -> None:
        """Take note of an event, as every sink does."""
        self.events.append(event)
        if self._waiting:
            self._waiting.unpark_all()

    @property
    def unread(self) -> list[Event]:
        """The events after the last one that `expect` has found."""
        return self.events[self._read :]

    def forget(self) -> None:
        """Take all that has happened as read: what is asked from now on is about what happens from now on."""
        self._read = len(self.events)

    async def expect(self, *patterns: Pattern, within: float = WITHIN, gaps: bool = True) -> list[Event]:
        """Wait for a run of events that look like *patterns*, in this order, among those that are unread.

        Those up to the end of the run are read then, so one `expect` after the other tells a story. Cancelling it, or
        its failure, leaves them unread.

        Args:
            patterns: events, classes of events, or what `match` makes.
            within: seconds from now.
            gaps: whether other events may come in between.

        Returns:
            The events of the run.

        Raises:
            AssertionError: there was no such run in time.
        """
        found: list[int] = []

        def is_there() -> bool:
            found[:] = find_run(self.unread, patterns, gaps=gaps)
            return len(found) == len(patterns)

        if not await self._wait(is_there, within):
            self._fail_run(patterns, [self._read + index for index in found], within, gaps)
        events = [self.unread[index] for index in found]
        self._read += found[-1] + 1 if found else 0
        return events

    async def eventually(self, pattern: Pattern, *, within: float = WITHIN) -> Event:
        """Wait for one event that looks like *pattern*, or find one that is there, read or not. Nothing is read by it.

        Raises:
            AssertionError: there was none in time.
        """
        if not await self._wait(lambda: self._first(pattern, 0) is not None, within):
            lines = [f"expected within {within:g} s: {story.name(pattern)}", *story.nearest(self.events, pattern)]
            self._fail(lines, [])
        found = self._first(pattern, 0)
        assert found is not None
        return self.events[found]

    async def never(self, pattern: Pattern, *, during: float) -> None:
        """Make sure that nothing looks like *pattern*: no unread event, and none in the next *during* seconds.

        Raises:
            AssertionError: as soon as there is one.
        """
        begin = self._read
        if await self._wait(lambda: self._first(pattern, begin) is not None, during):
            found = self._first(pattern, begin)
            assert found is not None
            self._fail([f"must not happen: {story.name(pattern)}"], [found])

    def timeline(self) -> str:
        """All events, one in each line, with the seconds since the first one."""
        return "\n".join(story.timeline(self.events))

    def _first(self, pattern: Pattern, begin: int) -> int | None:
        indexes: Iterator[int] = (i for i in range(begin, len(self.events)) if is_match(self.events[i], pattern))
        return next(indexes, None)

    async def _wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until *condition*, which is asked after each event, but no longer than that; whether it came true."""
        if math.isnan(seconds) or seconds < 0:
            raise ValueError(f"seconds must be 0 or more, not {seconds}")
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(seconds):
            while not condition():
                await self._waiting.park()
        return condition()

    def _fail_run(self, patterns: tuple[Pattern, ...], found: list[int], within: float, gaps: bool) -> None:
        between = "others may come in between" if gaps else "with nothing in between"
        first = f"expected within {within:g} s, in this order, {between}:"
        self._fail([first, *story.of_run(self.events, self._read, patterns, found)], found)

    def _fail(self, lines: list[str], marks: list[int]) -> None:
        raise AssertionError("\n".join([*lines, "what happened:", *story.timeline(self.events, marks)]))
