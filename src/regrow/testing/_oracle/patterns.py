"""What an event may look like: a value, a class, or a class with some of its fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import attrs

from regrow._specs.event import Event


class Match:
    """A value of a class, some fields of which are as given. Made by `match`."""

    def __init__(self, kind: type[Any], fields: dict[str, Any]) -> None:
        self.kind = kind
        self.fields = fields

    def __repr__(self) -> str:
        return f"{self.kind.__name__}({', '.join(f'{name}={_name(want)}' for name, want in self.fields.items())})"


Pattern: TypeAlias = Event | type[Event] | Match


def match(kind: type[Any], /, **fields: Any) -> Match:
    """A pattern: values of the class *kind* whose *fields* are as given; fields that are left out may be anything.

        match(ChildExited, path="web", exit=match(Exit, reason="crashed"), incarnation=lambda number: number > 1)

    Args:
        kind: a class of events, or of what is in their fields.
        fields: a value, which must be equal; a function of the value, which must be true; or another `match`.

    Raises:
        TypeError: the class has no such field.
    """
    known = {field.name for field in attrs.fields(kind)}
    if wrong := sorted(set(fields) - known):
        raise TypeError(f"{kind.__name__} has no field {', '.join(wrong)}; it has {', '.join(sorted(known))}")
    return Match(kind, fields)


def is_match(value: object, pattern: object) -> bool:
    """Whether *value* looks like *pattern*."""
    return next(differences(value, pattern), None) is None


def differences(value: object, pattern: object) -> Iterator[str]:
    """In words, where *value* does not look like *pattern*; nothing: it does."""
    if isinstance(pattern, Match):
        yield from _other_class(value, pattern.kind) or _other_fields(value, pattern.fields)
    elif isinstance(pattern, type):
        yield from _other_class(value, pattern)
    elif isinstance(pattern, Event):
        fields = {field.name: getattr(pattern, field.name) for field in attrs.fields(type(pattern)) if field.eq}
        yield from _other_class(value, type(pattern)) or _other_fields(value, fields)
    elif callable(pattern):
        if not pattern(value):
            yield f"is {value!r}, and {_name(pattern)} refuses that"
    elif value != pattern:
        yield f"is {show(value)}, not {show(pattern)}"


def kind_of(pattern: Pattern) -> type[Any]:
    """The class of the events that can look like *pattern*."""
    if isinstance(pattern, Match):
        return pattern.kind
    return pattern if isinstance(pattern, type) else type(pattern)


def find_run(events: Sequence[Event], patterns: Sequence[Pattern], *, gaps: bool) -> list[int]:
    """Where the *patterns* are met, in order: the whole run, or as much of its beginning as there is."""
    return _with_gaps(events, patterns) if gaps else _without_gaps(events, patterns)


def _with_gaps(events: Sequence[Event], patterns: Sequence[Pattern]) -> list[int]:
    found: list[int] = []
    for index, event in enumerate(events):
        if len(found) < len(patterns) and is_match(event, patterns[len(found)]):
            found.append(index)
    return found


def _without_gaps(events: Sequence[Event], patterns: Sequence[Pattern]) -> list[int]:
    best: list[int] = []
    for begin in range(len(events)):
        run: list[int] = []
        for index, pattern in enumerate(patterns, begin):
            if index == len(events) or not is_match(events[index], pattern):
                break
            run.append(index)
        if len(run) > len(best):
            best = run
    return best


def _other_class(value: object, kind: type[Any]) -> list[str]:
    return [] if isinstance(value, kind) else [f"is {type(value).__name__}, not {kind.__name__}"]


def _other_fields(value: object, fields: dict[str, Any]) -> list[str]:
    return [f"{name} {words}" for name, want in fields.items() for words in differences(getattr(value, name), want)]


def _name(want: object) -> str:
    if isinstance(want, Match | type) or not callable(want):
        return repr(want)
    name: Callable[..., Any] | str = getattr(want, "__name__", repr(want))
    return "a condition" if name == "<lambda>" else str(name)


def show(value: object) -> str:
    """A field of an event, in a few words."""
    text = getattr(value, "describe", None)
    return str(text()) if callable(text) else repr(value)
