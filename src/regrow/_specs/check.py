"""How specs are checked: every problem at once, each with its place.

`attrs` stops at the first validator that raises. `gather` takes the validators out of the fields when a class is
made, and `report` runs them all when a value is made, so that one error names everything that is wrong with it. A whole
file of specs is read inside `leniently()`, where nothing raises, and judged by `problems` afterwards, so that one run
names everything that is wrong with the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any
from weakref import WeakValueDictionary

import attrs

from regrow.exceptions import InvalidSpecError

_KEY = "regrow.validator"
_lenient: ContextVar[bool] = ContextVar("regrow_lenient", default=False)
_are_specs: dict[type, bool] = {}  # to look at a class takes longer than to check a value
_checks_of: dict[type, tuple[tuple[attrs.Attribute[Any], Callable[[Any, Any, Any], object]], ...]] = {}
_suspects: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""Specs that there are although they are wrong. Mostly none: then nothing needs to be checked again."""


@attrs.frozen
class Problem:
    """One thing that is wrong with a spec, and where."""

    place: str
    """The path of names from the root, and the field: `app/web/api.start_timeout`."""

    message: str
    """What is wrong, and what would be right."""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def gather(cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """An attrs field transformer: keep the validators for `report`, so that none stops the others."""
    return [_kept(field) for field in fields]


def _kept(field: attrs.Attribute[Any]) -> attrs.Attribute[Any]:
    validator = field.validator or field.metadata.get(_KEY)  # an inherited field has been through this before
    return field.evolve(validator=None, metadata={**field.metadata, _KEY: validator})


def report(spec: Any, place: str) -> None:
    """Check *spec*, which has just been made, and raise one error for all that is wrong with it.

    Args:
        spec: an instance of a class made with `field_transformer=gather`; its method `combinations`, if it has
            one, yields what is impossible together, with places that begin behind its own (`.field`, `/child.field`).
        place: what to call it in messages.

    Raises:
        InvalidSpecError: if there is any problem; never inside `leniently()`.
    """
    found = list(_own_problems(spec, place))
    if _lenient.get():
        if found:
            _suspects[id(spec)] = spec
        return
    for part, suffix in _parts(spec):
        if not suffix.startswith("/"):  # children have been checked when they were made, parts perhaps not
            found += problems(part, place + suffix)
    if found:
        raise InvalidSpecError(found)


@contextmanager
def leniently() -> Iterator[None]:
    """Within the block, specs can be made that are wrong; `problems` tells of them later."""
    token = _lenient.set(True)
    try:
        yield
    finally:
        _lenient.reset(token)


def problems(spec: Any, place: str | None = None) -> list[Problem]:
    """Everything that is wrong with a spec and all that it contains, each with its full path."""
    if not _suspects:
        return []
    here = str(getattr(spec, "name", type(spec).__name__)) if place is None else place
    found = list(_own_problems(spec, here))
    for part, suffix in _parts(spec):
        found += problems(part, here + suffix)
    return found


def _parts(spec: Any) -> Iterator[tuple[Any, str]]:
    """The specs that *spec* contains, each with the end of its place."""
    for field in attrs.fields(type(spec)):
        value = getattr(spec, field.name)
        if _is_spec(type(value)):
            yield value, f".{field.name}"
        elif isinstance(value, tuple):
            for index, item in enumerate(value):
                if _is_spec(type(item)):
                    in_tree = field.name == "children" and hasattr(item, "name")
                    yield item, f"/{item.name}" if in_tree else f".{field.name}[{index}]"


def _is_spec(kind: type) -> bool:
    known = _are_specs.get(kind)
    if known is None:
        known = attrs.has(kind) and any(_KEY in field.metadata for field in attrs.fields(kind))
        _are_specs[kind] = known
    return known


def _checks(kind: type) -> tuple[tuple[attrs.Attribute[Any], Callable[[Any, Any, Any], object]], ...]:
    found = _checks_of.get(kind)
    if found is None:
        found = _checks_of[kind] = tuple((field, field.metadata[_KEY]) for field in attrs.fields(kind))
    return found


def _own_problems(spec: Any, place: str) -> Iterator[Problem]:
    for field, check in _checks(type(spec)):
        try:
            check(spec, field, getattr(spec, field.name))
        except (TypeError, ValueError) as error:
            yield Problem(f"{place}.{field.name}", str(error))
    combinations: Callable[[], Iterable[Problem]] = getattr(spec, "combinations", tuple)
    with suppress(AttributeError, TypeError):  # a field of the wrong type, which has been told of already
        for problem in combinations():
            yield attrs.evolve(problem, place=place + problem.place)
