"""The way down: the steps of a stop, until the process is gone."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, cast

import attrs

from regrow._specs import fields
from regrow._specs.check import gather, leniently, report
from regrow._specs.signals import to_signal


class To(enum.StrEnum):
    """Whom a signal reaches. The kill always reaches the whole tree."""

    MAIN = "main"
    """The main process alone."""

    GROUP = "group"
    """All that stayed in its process group."""

    TREE = "tree"
    """All its descendants that the containment reaches."""


_WAIT: Any = attrs.validators.optional(fields.seconds())


@attrs.frozen(field_transformer=gather)
class Signal:
    """Send a signal to the child, as far as the stop's `to` says, then wait."""

    signal: str = attrs.field(default="SIGTERM", converter=to_signal, validator=fields.signal)
    """Its name; numbers and `signal.SIGTERM` are taken too."""

    wait: float | None = attrs.field(default=None, kw_only=True, converter=fields.to_seconds_or_none, validator=_WAIT)
    """Seconds to wait for the end before the next step; `None`: the stop's `grace`."""

    def __attrs_post_init__(self) -> None:
        report(self, "signal")


@attrs.frozen(field_transformer=gather)
class Run:
    """Run a command, such as `nginx -s quit`, then wait. It sees the child's environment and `REGROW_PID`."""

    command: tuple[str, ...] = attrs.field(converter=fields.to_arguments, validator=fields.arguments)
    """The program and its arguments; no shell."""

    wait: float | None = attrs.field(default=None, kw_only=True, converter=fields.to_seconds_or_none, validator=_WAIT)
    """Seconds, from the command's start, for it and for the child to end; `None`: the stop's `grace`."""

    def __attrs_post_init__(self) -> None:
        report(self, "run")


@attrs.frozen(field_transformer=gather)
class CloseStdin:
    """Close the child's standard input, the way programs that read until the end are told to go, then wait."""

    wait: float | None = attrs.field(default=None, kw_only=True, converter=fields.to_seconds_or_none, validator=_WAIT)
    """Seconds to wait for the end before the next step; `None`: the stop's `grace`."""

    def __attrs_post_init__(self) -> None:
        report(self, "close_stdin")


Step: TypeAlias = Signal | Run | CloseStdin


def to_whom(value: To | str) -> To:
    """A converter: the word is as good as the member."""
    return fields.member(To, value)


def _to_steps(value: Iterable[Step]) -> tuple[Step, ...]:
    return fields.to_tuple(value)  # type checkers infer nothing from a generic converter


@attrs.frozen(kw_only=True, field_transformer=gather)
class Stop:
    """How a process is asked to end, and how long it is given before it is killed.

    The steps are taken in order, each with its wait; what is left after the last is killed, all descendants that the
    containment reaches included. A process that is gone earlier ends the ladder.
    """

    steps: tuple[Step, ...] = attrs.field(
        default=(Signal(),),
        converter=_to_steps,
        validator=fields.each((Signal, Run, CloseStdin), "Signal, Run or CloseStdin"),
    )
    """What to try before the kill. None at all: kill without asking."""

    grace: float = attrs.field(default=5.0, converter=fields.to_seconds, validator=fields.seconds())
    """Seconds that each step without a wait of its own is given. 0: the kill follows at once. `inf`: never kill."""

    to: To = attrs.field(default=To.GROUP, converter=to_whom, validator=fields.one_of(To))
    """Whom the signals of the steps reach. The kill reaches the whole tree."""

    kill_wait: float = attrs.field(
        default=5.0, converter=fields.to_seconds, validator=fields.seconds(above=0, infinite=False)
    )
    """Seconds after which a killed process that is still there is called *stuck*."""

    def __attrs_post_init__(self) -> None:
        report(self, "stop")

    def wait_of(self, step: Step) -> float:
        """The seconds that *step* has, in this ladder."""
        return self.grace if step.wait is None else step.wait

    @property
    def longest(self) -> float:
        """Seconds from the order until the process is gone or called stuck, at the latest; may be `inf`."""
        return sum(self.wait_of(step) for step in self.steps) + self.kill_wait


KILL = Stop(steps=())
"""Kill without asking."""


def to_stop(value: Stop | float | Literal["kill"]) -> Stop:
    """A converter: `"kill"` is `KILL`, and a number is the grace of the default ladder."""
    if value == "kill":
        return KILL
    if isinstance(value, int | float) and not isinstance(value, bool):
        with leniently():  # what is wrong with it is told with the rest of the child
            return Stop(grace=value)
    return cast(Stop, value)  # a Stop, or something for a validator to refuse
