"""What the failure of an expectation says: the difference, and the timeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from regrow._specs.event import Event
from regrow.testing._oracle.patterns import Pattern, differences, kind_of, show

MOST_EVENTS = 200
"""So many of the newest events are shown."""


def tell(event: Event) -> str:
    """An event in one line, without what differs from run to run."""
    shown = [field for field in attrs.fields(type(event)) if field.eq]
    return f"{type(event).__name__}({', '.join(f'{f.name}={show(getattr(event, f.name))}' for f in shown)})"


def name(pattern: Pattern) -> str:
    """A pattern in one line."""
    if isinstance(pattern, Event):
        return tell(pattern)
    return pattern.__name__ if isinstance(pattern, type) else repr(pattern)


def timeline(events: Sequence[Event], marks: Sequence[int] = ()) -> Iterator[str]:
    """The events with their times since the first one; those at *marks* are marked."""
    begin = events[0].at if events else 0.0
    hidden = max(0, len(events) - MOST_EVENTS)
    if hidden:
        yield f"  ... {hidden} before"
    for index, event in enumerate(events[hidden:], hidden):
        yield f"{'>' if index in marks else ' '} {event.at - begin:+10.3f}  {tell(event)}"


def of_run(events: Sequence[Event], begin: int, patterns: Sequence[Pattern], found: Sequence[int]) -> Iterator[str]:
    """Which of the *patterns* were met, and how near the first one that was not came to be."""
    for index, pattern in enumerate(patterns):
        sign = "ok     " if index < len(found) else "MISSING" if index == len(found) else "  ?    "
        yield f"  {sign} {name(pattern)}"
    rest = events[found[-1] + 1 if found else begin :]
    yield from nearest(rest, patterns[len(found)])


def nearest(events: Sequence[Event], pattern: Pattern) -> Iterator[str]:
    """Which of the *events* differs least from *pattern*, and where."""
    of_kind = [event for event in events if isinstance(event, kind_of(pattern))]
    if not of_kind:
        yield f"there was no {kind_of(pattern).__name__}"
        return
    best = min(of_kind, key=lambda event: len(list(differences(event, pattern))))
    yield f"the nearest was {tell(best)}"
    yield from (f"    {words}" for words in differences(best, pattern))
