"""Converters and validators that the specs share. Converters never raise: what they cannot read, a validator names."""

from __future__ import annotations

import difflib
import enum
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import PurePath
from typing import Any, TypeVar, cast

import attrs

from regrow._specs.mappings import Environment
from regrow._specs.signals import signal_number

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]
_E = TypeVar("_E", bound=enum.StrEnum)
_T = TypeVar("_T")

_NAME = re.compile(r"[A-Za-z0-9._@:-]{1,100}\Z")


def member(kind: type[_E], value: _E | str) -> _E:
    """The member of *kind* that *value* is, or is the word of; anything else as it is, for `one_of` to refuse."""
    try:
        return kind(value)
    except ValueError:
        return cast(_E, value)


def one_of(kind: type[enum.StrEnum]) -> Validator:
    """Refuse what is not a member of *kind*, and guess what was meant."""

    def validate(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if isinstance(value, kind):
            return
        words = [member.value for member in kind]
        near = difflib.get_close_matches(str(value), words, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{value!r} is not one of {', '.join(map(repr, words))}{hint}")

    return validate


def to_tuple(value: Iterable[_T]) -> tuple[_T, ...]:
    """A sequence as a tuple; strings and what cannot be iterated stay, for the validator to refuse."""
    if isinstance(value, str | bytes | Mapping | AbstractSet) or not isinstance(value, Iterable):  # a set has no order
        return cast("tuple[_T, ...]", value)
    return tuple(value)


def to_arguments(value: Iterable[str | PurePath]) -> tuple[str, ...]:
    """A command as a tuple of strings, paths among them written out."""
    items: Any = to_tuple(value)
    if not isinstance(items, tuple):
        return cast("tuple[str, ...]", items)  # for `arguments` to refuse
    return tuple(str(item) if isinstance(item, PurePath) else item for item in items)


def to_text(value: str | PurePath | None) -> str | None:
    """A path as a string."""
    return str(value) if isinstance(value, PurePath) else value


def to_path(value: str | PurePath) -> str:
    """The same, where there must be one."""
    return str(value) if isinstance(value, PurePath) else value


def to_environment(value: Mapping[str, str]) -> Mapping[str, str]:
    """A mapping that nobody changes any more."""
    given: object = value
    return Environment(value) if isinstance(given, Mapping) else value  # anything else is for `environment` to refuse


def to_codes(value: Iterable[int] | int) -> frozenset[int]:
    """A set of exit codes; a single one counts as a set of one."""
    if isinstance(value, int):
        return frozenset([value])
    try:
        return frozenset(value)
    except TypeError:
        return cast("frozenset[int]", value)  # for a validator to refuse


def to_seconds(value: float) -> float:
    """An integer number of seconds as a float."""
    try:
        return float(value) if type(value) is int else value
    except OverflowError:  # an integer beyond all floats
        return math.inf if value > 0 else -math.inf


def to_seconds_or_none(value: float | None) -> float | None:
    """The same, where `None` has a meaning of its own."""
    return None if value is None else to_seconds(value)


def name(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what cannot be one part of a path."""
    if not isinstance(value, str):
        raise TypeError(f"must be a string, not {value!r}")
    if value in {".", ".."} or not _NAME.match(value):
        raise ValueError(f"{value!r} is not a name: 1 to 100 letters, digits and ._@:- (and neither '.' nor '..')")


def arguments(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse a command that is not a list of strings, above all a bare string."""
    if isinstance(value, str):
        raise TypeError(
            f"must be a list of strings, not the string {value!r}: no shell runs it; "
            f"write {value.split()!r}, or ['sh', '-c', {value!r}] if you want one"
        )
    if not isinstance(value, Sequence) or not all(isinstance(item, str) for item in value):
        raise TypeError(f"must be a list of strings, not {value!r}")
    if not value or not value[0]:
        raise ValueError("must name a program")
    _no_nul(*value)


def text(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse anything but a string that the operating system takes."""
    if not isinstance(value, str):
        raise TypeError(f"must be a string, not {value!r}")
    if not value:
        raise ValueError("must not be empty")
    _no_nul(value)


def environment(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse names and values that cannot be in an environment."""
    if not isinstance(value, Mapping):
        raise TypeError(f"must be a mapping of strings to strings, not {value!r}")
    for key, content in value.items():
        if not isinstance(key, str) or not isinstance(content, str):
            raise TypeError(f"{key!r}: names and values must be strings")
        if not key or "=" in key:
            raise ValueError(f"{key!r} is not the name of a variable")
        _no_nul(key, content)


def flag(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse anything but true and false."""
    if not isinstance(value, bool):
        raise TypeError(f"must be true or false, not {value!r}")


def seconds(*, above: float | None = None, infinite: bool = True) -> Validator:
    """Refuse what is no duration: numbers of at least 0, or more than *above*."""

    def validate(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, float) or math.isnan(value):
            raise TypeError(f"must be a number of seconds, not {value!r}")
        if not infinite and math.isinf(value):
            raise ValueError("must not be infinite")
        if above is None and value < 0:
            raise ValueError(f"must be at least 0, not {value:g}")
        if above is not None and value <= above:
            raise ValueError(f"must be more than {above:g}, not {value:g}")

    return validate


def number(least: float, most: float = math.inf) -> Validator:
    """Refuse what is no number from *least* to *most*."""

    def validate(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise TypeError(f"must be a number, not {value!r}")
        if not least <= value <= most:
            wanted = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
            raise ValueError(f"must be {wanted}, not {value:g}")

    return validate


def count(least: int, most: int | None = None) -> Validator:
    """Refuse what is no whole number of at least *least*, and at most *most*."""

    def validate(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"must be a whole number, not {value!r}")
        if value < least or (most is not None and value > most):
            wanted = f"at least {least}" if most is None else f"from {least} to {most}"
            raise ValueError(f"must be {wanted}, not {value}")

    return validate


def exit_codes(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what is no set of exit codes."""
    if not isinstance(value, frozenset):
        raise TypeError(f"must be a set of exit codes, not {value!r}")
    for code in value:
        if isinstance(code, bool) or not isinstance(code, int) or not 0 <= code <= 0xFFFFFFFF:
            raise ValueError(f"{code!r} is not an exit code; signals go into success_signals")


def signals(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what is no set of signal names."""
    if not isinstance(value, frozenset):
        raise TypeError(f"must be a set of signal names, not {value!r}")
    for item in value:
        signal(_, field, item)


def signal(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what is no name of a signal."""
    if not isinstance(value, str) or signal_number(value) is None:
        raise ValueError(f"{value!r} is not a signal of this system; write 'SIGTERM' or 'SIGRTMIN+1'")


def callable_(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what cannot be called."""
    if not callable(value):
        raise TypeError(f"must be callable, not {value!r}")


def each(kinds: tuple[type, ...], wanted: str) -> Validator:
    """Refuse what is no list of *kinds*."""

    def validate(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, tuple):
            raise TypeError(f"must be a list of {wanted}, not {value!r}")
        for index, item in enumerate(value):
            if not isinstance(item, kinds):
                raise TypeError(f"number {index + 1} must be {wanted}, not {item!r}")

    return validate


def instance(kinds: tuple[type, ...], wanted: str) -> Validator:
    """Refuse what is none of *kinds*."""

    def validate(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, kinds):
            raise TypeError(f"must be {wanted}, not {value!r}")

    return validate


def _no_nul(*values: str) -> None:
    for value in values:
        if "\0" in value:
            raise ValueError(f"{value!r} has a NUL character, which no program can be given")
