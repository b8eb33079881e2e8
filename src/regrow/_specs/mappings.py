"""Mappings that nobody changes any more: as plain as the rest of a spec, to be hashed, copied and sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


class Frozen(Mapping[_K, _V]):
    """A copy of a mapping. Two of them are equal, and have the same hash, if what they hold is."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[_K, _V] | None = None) -> None:
        self._items = dict(items or {})

    def __getitem__(self, key: _K) -> _V:
        return self._items[key]

    def __iter__(self) -> Iterator[_K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __reduce__(self) -> tuple[type[Frozen[Any, Any]], tuple[dict[_K, _V]]]:
        return type(self), (self._items,)

    def __repr__(self) -> str:
        return repr(self._items)


class Environment(Frozen[str, str]):
    """Variables of an environment. Their values may be secrets, so only the names are shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{', '.join(self._items)}>"
