"""What counts as a sign of life of a child, as plain values; the edge knows how to look for it."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

import attrs

from regrow._specs import combined, fields
from regrow._specs.check import gather, report
from regrow._specs.combined import KINDS, AnyProbe
from regrow._specs.facts import Stream
from regrow._specs.readiness import Completes, Notified, OutputLine


class Via(enum.StrEnum):
    """The way that a heartbeat takes."""

    NOTIFY = "notify"
    """The notify protocol of systemd: `WATCHDOG=1` to the socket that `NOTIFY_SOCKET` names."""

    PIPE = "pipe"
    """Any byte into the descriptor whose number `REGROW_HEARTBEAT_FD` says."""


def _to_via(value: Via | str) -> Via:
    return fields.member(Via, value)


def _to_stream(value: Stream | str | None) -> Stream | None:
    return None if value is None else fields.member(Stream, value)


_TIMEOUT: Any = fields.seconds(above=0, infinite=False)


@attrs.frozen(field_transformer=gather)
class Heartbeat:
    """A sign that the child sends on purpose, such as `regrow.child.alive()`.

    It says what the child wants it to say: a thread of its own that beats says that this thread lives.
    """

    via: Via = attrs.field(default=Via.NOTIFY, converter=_to_via, validator=fields.one_of(Via))
    """The way that it takes: `"notify"` or `"pipe"`."""

    interval: float | None = attrs.field(
        default=None, converter=fields.to_seconds_or_none, validator=attrs.validators.optional(_TIMEOUT)
    )
    """Seconds between two beats, as the child is told: `WATCHDOG_USEC` is twice that, as systemd has it.

    `None`: half of the shortest threshold of the policy.
    """

    def __attrs_post_init__(self) -> None:
        report(self, "heartbeat")

    def __str__(self) -> str:
        return "heartbeat"


@attrs.frozen(field_transformer=gather)
class Output:
    """Whatever the child prints. A busy loop that prints is alive to it."""

    stream: Stream | None = attrs.field(
        default=None, converter=_to_stream, validator=attrs.validators.optional(fields.one_of(Stream))
    )
    """Only `"stdout"`, or only `"stderr"`; `None`: either."""

    def __attrs_post_init__(self) -> None:
        report(self, "output")

    def __str__(self) -> str:
        return "output" if self.stream is None else str(self.stream)


@attrs.frozen(field_transformer=gather)
class CpuProgress:
    """The process tree of the child has used the CPU. A busy loop is alive to it; who waits for a lock is not."""

    at_least: float = attrs.field(
        default=0.01, converter=fields.to_seconds, validator=fields.seconds(above=0, infinite=False)
    )
    """CPU seconds since the last look that counted; the kernel counts in hundredths."""

    def __attrs_post_init__(self) -> None:
        report(self, "cpu_progress")

    def __str__(self) -> str:
        return "CPU progress"


@attrs.frozen(field_transformer=gather)
class IoProgress:
    """The process tree of the child has read or written, files, pipes and sockets alike. Linux."""

    at_least: int = attrs.field(default=1, validator=fields.count(1))
    """Bytes since the last look that counted."""

    def __attrs_post_init__(self) -> None:
        report(self, "io_progress")

    def __str__(self) -> str:
        return "I/O progress"


@attrs.frozen(field_transformer=gather)
class Callback:
    """A function of this program that says when the child was last active.

    It returns a moment (`time.time()` or `time.monotonic()`), any other number that moves on with the work, or whether
    the child is active now. A number counts by its *change*: when it has moved since the last look, there was activity.
    The first one is what later ones are compared with; only if it is a moment, its age counts, once. So no step of a
    clock can make a child look idle.

    An async function may take its time; a plain one runs in a thread. One that raises, returns what cannot be, or takes
    longer than its timeout is announced (`ActivityFailed`), and says nothing about the child.
    Local only: a function cannot travel to another machine.
    """

    function: Callable[[], float | bool | Awaitable[float | bool]] = attrs.field(validator=fields.callable_)
    """Takes nothing."""

    timeout: float = attrs.field(default=1.0, kw_only=True, converter=fields.to_seconds, validator=_TIMEOUT)
    """Seconds that one call may take."""

    def __attrs_post_init__(self) -> None:
        report(self, "callback")

    def __str__(self) -> str:
        return f"callback {getattr(self.function, '__qualname__', type(self.function).__name__)}"


_ONCE = (Completes, Notified, OutputLine)


def _check_probe(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what is no probe, and what a child shows only once."""
    if not isinstance(value, KINDS) or isinstance(value, type):
        raise TypeError(f"must be a probe, such as TcpPort(8000), not {value!r}")
    for leaf in combined.leaves(value):
        if isinstance(leaf, _ONCE):
            raise TypeError(f"{leaf} comes once, and is no sign of life later; take Heartbeat() or Output()")


@attrs.frozen(field_transformer=gather)
class Probe:
    """A probe of `regrow.readiness`, repeated: each time that the child is found able to work is a sign of life."""

    probe: AnyProbe = attrs.field(validator=_check_probe)
    """The probe, such as `TcpPort(8000)`, or one of your own."""

    timeout: float = attrs.field(default=1.0, kw_only=True, converter=fields.to_seconds, validator=_TIMEOUT)
    """Seconds until the answer must be there."""

    def __attrs_post_init__(self) -> None:
        report(self, "probe")

    def __str__(self) -> str:
        return f"probe {self.probe}"


def _check_sources(spec: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if not value:
        raise ValueError("must name a source")
    fields.each(SOURCES, "a source, such as Heartbeat()")(spec, field, value)


@attrs.frozen(init=False, field_transformer=gather)
class AnyOf:
    """The newest sign of life of any of these sources: it takes all of them to be silent to be idle."""

    sources: tuple[Source, ...] = attrs.field(validator=_check_sources)

    def __init__(self, *sources: Source) -> None:
        self.__attrs_init__(sources)  # pyright: ignore[reportAttributeAccessIssue]  # made by attrs

    def __attrs_post_init__(self) -> None:
        report(self, "any_of")

    def __str__(self) -> str:
        return f"any of {', '.join(map(str, self.sources))}"


@attrs.frozen(init=False, field_transformer=gather)
class AllOf:
    """The oldest of the newest signs of these sources: each of them must go on, or the child is idle."""

    sources: tuple[Source, ...] = attrs.field(validator=_check_sources)

    def __init__(self, *sources: Source) -> None:
        self.__attrs_init__(sources)  # pyright: ignore[reportAttributeAccessIssue]  # made by attrs

    def __attrs_post_init__(self) -> None:
        report(self, "all_of")

    def __str__(self) -> str:
        return f"all of {', '.join(map(str, self.sources))}"


Source: TypeAlias = Heartbeat | Output | CpuProgress | IoProgress | Callback | Probe | AnyOf | AllOf
SOURCES = (Heartbeat, Output, CpuProgress, IoProgress, Callback, Probe, AnyOf, AllOf)
INSTANT = (Heartbeat, Output)
"""Those that know at once, because they are told."""


def leaves(source: Source) -> Iterator[Source]:
    """The sources that *source* is made of, combinations taken apart."""
    if isinstance(source, AnyOf | AllOf):
        for part in source.sources:
            yield from leaves(part)
    else:
        yield source


def is_instant(source: Source) -> bool:
    """Whether it always knows the answer already, and nothing has to be looked at."""
    return all(isinstance(leaf, INSTANT) for leaf in leaves(source))


def is_plain(source: Source) -> bool:
    """Whether it can travel to another machine, with all its parts."""
    for leaf in leaves(source):
        if isinstance(leaf, Callback) or (isinstance(leaf, Probe) and not combined.is_plain(leaf.probe)):
            return False
    return True


def patience(source: Source) -> float:
    """Seconds that an answer may take: the longest timeout; sources are asked together."""
    return max((leaf.timeout for leaf in leaves(source) if isinstance(leaf, Callback | Probe)), default=1.0)
