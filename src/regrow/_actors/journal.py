"""The events of a tree: numbered, kept for a while, given to sinks and readers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

import trio

from regrow._decisions.statistics import Counters
from regrow._specs.event import Event, EventsMissed, SinkRemoved
from regrow._specs.exit import Exit
from regrow._specs.protocol import Sink

MOST_TEXT = 8 * 1024 * 1024
"""How many characters the events that are kept may have, in what children printed."""


class Journal:
    """Takes what happens, once, in order. Readers follow at their own pace and cost nothing while they sleep."""

    def __init__(self, sinks: Iterable[Sink] = (), size: int = 10_000) -> None:
        self.counters = Counters()
        self.has_ended = False
        self.last = 0
        """The number of the newest event."""
        self._events: deque[Event] = deque()
        self._size = size
        self._weight = 0
        self._sinks = list(sinks)
        self._readers = trio.lowlevel.ParkingLot()
        self._watchers: dict[str, trio.lowlevel.ParkingLot] = {}
        self._fresh: deque[Event] = deque()
        self._is_announcing = False

    def announce(self, event: Event) -> None:
        """Number *event*, keep it, and tell everybody. What a sink announces itself is told after this one."""
        self.last += 1
        event = event.stamped(self.last, trio.current_time(), time.time())
        self._keep(event)
        self.counters.add(event)
        if self._readers:
            self._readers.unpark_all()
        if self._watchers:
            self.stir(event.path)
        if self._sinks:
            self._fresh.append(event)
            self._tell_sinks()

    def end(self) -> None:
        """Nothing will happen any more: readers end, watchers look a last time."""
        self.has_ended = True
        self._readers.unpark_all()
        for lot in self._watchers.values():
            lot.unpark_all()

    @property
    def is_watched(self) -> bool:
        """Whether anybody waits for something to change."""
        return bool(self._watchers)

    async def wait_until(self, path: str, condition: Callable[[], bool]) -> bool:
        """Wait until *condition* holds, looked at whenever something changes at *path*.

        Returns:
            False if the tree has ended before.
        """
        await trio.lowlevel.checkpoint()
        while not condition():
            if self.has_ended:
                return False
            lot = self._watchers.setdefault(path, trio.lowlevel.ParkingLot())
            try:
                await lot.park()
            finally:
                if not lot and self._watchers.get(path) is lot:
                    del self._watchers[path]
        return True

    def stir(self, path: str) -> None:
        """Something may be different at *path* now: those who wait for it look again."""
        if lot := self._watchers.get(path):
            lot.unpark_all()

    def stir_below(self, path: str) -> None:
        """The same, for all that is below *path*."""
        for where in [w for w in self._watchers if path == "." or w.startswith(f"{path}/")]:
            self.stir(where)

    def events(self, start: int | None = None) -> EventStream:
        """All events from number *start* on, or from now on."""
        return EventStream(self, self.last + 1 if start is None else max(1, start))

    async def read(self, number: int) -> Event | None:
        """The event of this number, once there is one; `None`: there will be none.

        If it is no longer held, an `EventsMissed` with the number of the last one that is not.
        """
        await trio.lowlevel.checkpoint()
        while number > self.last:
            if self.has_ended:
                return None
            await self._readers.park()
        oldest = self.last - len(self._events) + 1
        if number < oldest:
            return EventsMissed(".", oldest - number, seq=oldest - 1, at=trio.current_time(), time=time.time())
        return self._events[number - self.last - 1]

    def _keep(self, event: Event) -> None:
        self._events.append(event)
        self._weight += _weight(event)
        while len(self._events) > self._size or (self._weight > MOST_TEXT and len(self._events) > 1):
            self._weight -= _weight(self._events.popleft())

    def _tell_sinks(self) -> None:
        if self._is_announcing:
            return
        self._is_announcing = True
        try:
            while self._fresh:
                event = self._fresh.popleft()
                for sink in list(self._sinks):
                    self._tell(sink, event)
        finally:
            self._is_announcing = False

    def _tell(self, sink: Sink, event: Event) -> None:
        try:
            sink(event)
        except Exception as error:  # noqa: BLE001  # whatever a sink does, the tree goes on
            self._sinks.remove(sink)
            name = getattr(sink, "__qualname__", type(sink).__qualname__)
            self.announce(SinkRemoved(".", name, f"{type(error).__name__}: {error}"))


def _weight(event: Event) -> int:
    """The characters of it that a child has printed: the only part that may be large."""
    exit: Exit | None = getattr(event, "exit", None)
    tail = sum(map(len, exit.tail)) if exit is not None else 0
    return tail + len(getattr(event, "line", ""))


class EventStream:
    """An async iterator over a tree's events, oldest first; it ends when the tree has ended and all has been read.

    It holds nothing but a number, so it needs no closing, and a slow reader grows nothing: events that the journal
    no longer holds are told as one `EventsMissed`.
    """

    def __init__(self, journal: Journal, start: int) -> None:
        self._journal = journal
        self._next = start

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        event = await self._journal.read(self._next)
        if event is None:
            raise StopAsyncIteration
        self._next = event.seq + 1
        return event
