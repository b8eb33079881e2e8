"""How much a child may use, and what happens when it uses more: resource policies, as plain values."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias, cast

import attrs

from regrow._specs import fields
from regrow._specs.check import Problem, gather, report

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]?)(?:iB|B)?\Z")
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


class Measure(enum.StrEnum):
    """What is measured of a child."""

    MEMORY = "memory"
    CPU = "cpu"
    DESCRIPTORS = "descriptors"
    THREADS = "threads"
    AGE = "age"


def to_bytes(value: int | str | None) -> int | None:
    """A converter: a number of bytes, also as `"512M"`; units are powers of 1024, as in systemd."""
    if isinstance(value, str) and (match := _SIZE.match(value)):
        return int(float(match[1]) * _UNITS[match[2]])
    return cast("int | None", value)  # what cannot be read is for `_memory` to refuse


def _memory(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, str):
        raise ValueError(f"{value!r} is no amount of memory; write bytes, or '512M' or '1.5G'")
    fields.count(1)(_, field, value)


def _share(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    fields.number(0)(_, field, value)
    if not value:
        raise ValueError("must be more than 0")


_optional = attrs.validators.optional


@attrs.frozen(kw_only=True, field_transformer=gather)
class _Above:
    """One limit of one measure."""

    memory: int | None = attrs.field(default=None, converter=to_bytes, validator=_optional(_memory))
    """Bytes of its whole process tree, also as `"512M"`: what is shared is divided among those who share it, where the
    kernel says so (PSS); else what is resident."""

    cpu: float | None = attrs.field(default=None, validator=_optional(_share))
    """CPU time of its whole process tree, as a share of one core: 1.5 is one and a half."""

    descriptors: int | None = attrs.field(default=None, validator=_optional(fields.count(1)))
    """Open descriptors of its main process."""

    threads: int | None = attrs.field(default=None, validator=_optional(fields.count(1)))
    """Threads of its whole process tree."""

    age: float | None = attrs.field(
        default=None,
        converter=fields.to_seconds_or_none,
        validator=_optional(fields.seconds(above=0, infinite=False)),
    )
    """Seconds since its launch, time in which it was paused left out."""

    for_: float = attrs.field(default=0.0, converter=fields.to_seconds, validator=fields.seconds(infinite=False))
    """For how many seconds without a break it must be above; 0: one sample is enough."""

    def __attrs_post_init__(self) -> None:
        report(self, type(self).__name__)

    def combinations(self) -> Iterator[Problem]:
        """What is impossible together."""
        given = [measure.value for measure in Measure if getattr(self, measure) is not None]
        if len(given) != 1:
            found = f"not {' and '.join(given)}" if given else "and there is none"
            yield Problem("", f"takes one measure, {found}: one of {', '.join(Measure)}")
        elif self.age is not None and self.for_:
            yield Problem(".for_", "has no meaning for age, which never falls again")

    @property
    def measure(self) -> Measure:
        """What it is a limit of."""
        return next(measure for measure in Measure if getattr(self, measure) is not None)

    @property
    def most(self) -> float:
        """The limit: what is above it is too much."""
        return float(getattr(self, self.measure))

    def __str__(self) -> str:
        lasting = f" for {self.for_:g} s" if self.for_ else ""
        return f"{self.measure} above {amount(self.measure, self.most)}{lasting}"


@attrs.frozen(kw_only=True, field_transformer=gather)
class RestartAbove(_Above):
    """Above this limit it is stopped by its own ladder; its exit has reason `over_limit`, which counts as a crash.

    Takes exactly one measure.

    Raises:
        InvalidSpecError: when made, with every problem at once.
    """


@attrs.frozen(kw_only=True, field_transformer=gather)
class WarnAbove(_Above):
    """Above this limit there is a `LimitWarned` event, and it is degraded until it is no longer above.

    Takes exactly one measure.

    Raises:
        InvalidSpecError: when made, with every problem at once.
    """


Limit: TypeAlias = RestartAbove | WarnAbove


def to_limits(value: Iterable[Limit] | Limit) -> tuple[Limit, ...]:
    """A converter: a list as a tuple; a single limit counts as a list of one."""
    return (value,) if isinstance(value, RestartAbove | WarnAbove) else fields.to_tuple(value)


def amount(measure: Measure, value: float) -> str:
    """So much of *measure*, as people say it."""
    match measure:
        case Measure.MEMORY:
            return _size(value)
        case Measure.CPU:
            return f"{value:.3g} of a core"
        case Measure.AGE:
            return f"{value:.6g} s"
        case _:
            return f"{value:.0f}"


def _size(value: float) -> str:
    power = min(4, int(math.log2(max(value, 1)) // 10))
    return f"{value / 1024**power:.4g} {('bytes', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"
