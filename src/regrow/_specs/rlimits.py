"""Limits that the kernel keeps for a process, by name, as plain numbers."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import attrs

from regrow._specs.mappings import Frozen

Pair: TypeAlias = tuple[int | None, int | None]
"""The soft limit, which the process may change, up to the hard one; `None`: unlimited."""

Limit: TypeAlias = int | Pair | None
"""Both limits as one, or each."""

NAMES = {
    *("AS", "CORE", "CPU", "DATA", "FSIZE", "KQUEUES", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE", "NPROC"),
    *("NPTS", "RSS", "RTPRIO", "RTTIME", "SBSIZE", "SIGPENDING", "STACK", "SWAP", "VMEM"),
}
"""What some system or other limits: whether this one does, its launcher says."""

_INFINITY = 2**64 - 1  # what the kernel takes for no limit at all
_WANTED = "write a whole number, (soft, hard), or None for no limit"


def to_rlimits(value: Mapping[str, Limit]) -> Mapping[str, Pair]:
    """A converter: names in upper case, limits as pairs."""
    given: object = value
    if not isinstance(given, Mapping):
        return cast("Mapping[str, Pair]", value)  # for `rlimits` to refuse
    times = Counter(_upper(name) for name in value)
    # A name that is given twice stays as it is, for `rlimits` to refuse.
    return Frozen({name if times[_upper(name)] > 1 else _upper(name): _to_pair(limit) for name, limit in value.items()})


def _upper(name: object) -> str:
    return str(name).upper()


def _to_pair(limit: Limit) -> Pair:
    return cast(Pair, tuple(limit)) if isinstance(limit, tuple | list) else (limit, limit)


def rlimits(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what is no mapping of names to limits."""
    if not isinstance(value, Mapping):
        raise TypeError(f"must be a mapping such as {{'NOFILE': 1024}}, not {value!r}")
    for name, pair in value.items():
        _check_name(name, value)
        _check_pair(name, pair)


def _check_name(name: Any, given: Mapping[Any, Any]) -> None:
    if name in NAMES:
        return
    word = _upper(name)
    if sum(_upper(other) == word for other in given) > 1:
        raise ValueError(f"{word} is given twice, once as {name!r}")
    near = difflib.get_close_matches(word.removeprefix("RLIMIT_"), NAMES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f": {', '.join(sorted(NAMES))}"
    raise ValueError(f"{name!r} is not the name of a limit{hint}")


def _check_pair(name: str, pair: tuple[Any, ...]) -> None:
    if len(pair) != 2 or not all(_is_limit(limit) for limit in pair):
        shown = pair[0] if len(pair) == 2 and pair[0] is pair[1] else pair
        raise ValueError(f"{name}: {shown!r} is no limit; {_WANTED}")
    soft, hard = pair
    if hard is not None and (soft is None or soft > hard):
        given = "unlimited" if soft is None else str(soft)
        raise ValueError(f"{name}: the soft limit ({given}) is above the hard one ({hard})")


def _is_limit(limit: object) -> bool:
    return limit is None or (isinstance(limit, int) and not isinstance(limit, bool) and 0 <= limit < _INFINITY)
