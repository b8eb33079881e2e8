"""When silence means that a child hangs, and what is done about it, as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import attrs

from regrow._specs import fields
from regrow._specs.activity import SOURCES, Heartbeat, Source, is_instant, is_plain, leaves
from regrow._specs.check import Problem, gather, report

LOOKS = 4
"""How often a source that must be looked at is looked at within the shortest threshold."""

_AFTER: Any = attrs.validators.optional(fields.seconds(above=0, infinite=False))


def _check_dump(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, bool):
        return
    if not isinstance(value, str):
        raise TypeError(f"must be true, false, or the signal that makes it print its stack, not {value!r}")
    fields.signal(_, field, value)


@attrs.frozen(kw_only=True, field_transformer=gather)
class HangPolicy:
    """How long a child may be idle before something is done about it. Seconds since its last sign of life.

    Each step that is `None` is not done; each that is done is announced, with the evidence.

    Raises:
        InvalidSpecError: when made, with every problem at once.
    """

    warn_after: float | None = attrs.field(default=30.0, converter=fields.to_seconds_or_none, validator=_AFTER)
    """It is announced that it seems to hang (`HangSuspected`), and what it is doing is noted."""

    terminate_after: float | None = attrs.field(default=None, converter=fields.to_seconds_or_none, validator=_AFTER)
    """It is stopped, by the steps of its own `stop` and within their graces, and its exit has the reason `hung`."""

    kill_after: float | None = attrs.field(default=None, converter=fields.to_seconds_or_none, validator=_AFTER)
    """It is killed at the latest, whatever the graces. Without `terminate_after`: it is killed without asking."""

    start_grace: float = attrs.field(default=0.0, converter=fields.to_seconds, validator=fields.seconds(infinite=False))
    """Seconds from its launch in which nothing counts. It is never watched before it is ready."""

    dump: bool | str = attrs.field(default=True, validator=_check_dump)
    """Whether its open files, and the stack of a Python child, are noted before it is ended.

    The stack is asked for with the signal that `regrow.child.dump_on` has named, or that is named here, such as
    `"SIGUSR1"`; never with one that the child does not catch, for that would end it.
    """

    auto_kill: bool = attrs.field(default=True, validator=fields.flag)
    """False: it is never ended, only warned of: after `warn_after`, and again after `kill_after`."""

    activity: Source | None = attrs.field(
        default=None, validator=fields.instance((*SOURCES, type(None)), "a source of activity, such as Heartbeat()")
    )
    """What counts as a sign of life, besides `ChildHandle.touch()`, which always counts. `None`: nothing else."""

    look_every: float | None = attrs.field(default=None, converter=fields.to_seconds_or_none, validator=_AFTER)
    """Seconds between two looks at sources that must be looked at; `None`: a quarter of the shortest threshold.

    That much later than after its threshold a hang may be noticed. Heartbeats and output are never looked for: they are
    noticed to the moment.
    """

    def __attrs_post_init__(self) -> None:
        report(self, "hang")

    def combinations(self) -> Iterator[Problem]:
        """What is impossible together."""
        steps = self._steps
        if not steps:
            yield Problem(".warn_after", "nothing would ever be done: all three steps are None")
        for (first, early), (second, late) in pairwise(steps):
            if early > late:
                yield Problem(f".{second}", f"must not come before {first}, after {early:g} s, but is {late:g}")
        for beat in self.beats:
            if steps and beat.interval is not None and beat.interval >= self.shortest:
                yield Problem(".activity", f"beats every {beat.interval:g} s come too late for {self.shortest:g} s")

    @property
    def _steps(self) -> list[tuple[str, float]]:
        names = ("warn_after", "terminate_after", "kill_after")
        return [(name, after) for name in names if (after := getattr(self, name)) is not None]

    @property
    def shortest(self) -> float:
        """The first threshold."""
        return min(after for _, after in self._steps)

    @property
    def is_instant(self) -> bool:
        """Whether its sources always know the answer already."""
        return self.activity is None or is_instant(self.activity)

    @property
    def interval(self) -> float:
        """Seconds between two looks at what must be looked at."""
        return self.shortest / LOOKS if self.look_every is None else min(self.look_every, self.shortest)

    @property
    def beats(self) -> tuple[Heartbeat, ...]:
        """The heartbeats that it expects."""
        return tuple(leaf for leaf in (leaves(self.activity) if self.activity else ()) if isinstance(leaf, Heartbeat))

    @property
    def beat_within(self) -> float | None:
        """Seconds within which a beat must come, as the child is told; `None`: none is expected."""
        told = [self.shortest if beat.interval is None else 2 * beat.interval for beat in self.beats]
        return min(told, default=None)

    @property
    def is_local_only(self) -> bool:
        """Whether a source of it cannot travel to another machine."""
        return self.activity is not None and not is_plain(self.activity)


NEVER: Literal["never"] = "never"
"""What a child says that is not to be watched, whatever the default of its supervisor."""

Hang: TypeAlias = HangPolicy | Literal["never"]


def check_hang(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what is neither a policy, nor `"never"`, nor `None`."""
    if value is not None and value != NEVER and not isinstance(value, HangPolicy):
        raise TypeError(f"must be a HangPolicy, 'never', or None for the supervisor's own, not {value!r}")
