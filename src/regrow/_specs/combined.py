"""Several probes as one, and what is true of a probe whatever its parts are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import attrs

from regrow._specs.asking import HttpOk, Succeeds
from regrow._specs.check import Problem, gather, report
from regrow._specs.protocol import Probe
from regrow._specs.readiness import Calls, Completes, FileExists, Notified, OutputLine, TcpPort, UnixSocket

PLAIN = (TcpPort, UnixSocket, HttpOk, FileExists, OutputLine, Notified, Succeeds, Completes)
"""Probes that can travel to another machine."""


def _probes(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what is no list of probes."""
    if not value:
        raise ValueError("must hold a probe at least")
    wrong = [f"number {number} {why}" for number, item in enumerate(value, 1) if (why := _why_not(item))]
    if wrong:
        raise TypeError("; ".join(wrong))


def _why_not(item: Any) -> str:
    if isinstance(item, Completes):
        return "is Completes(), which can only stand alone: its child is down then"
    if not isinstance(item, KINDS) or isinstance(item, type):
        return f"must be a probe, such as TcpPort(8000), not {item!r}"
    return ""


class _Several:
    """What `AllOf` and `AnyOf` have in common."""

    probes: tuple[AnyProbe, ...]
    _joint = ""

    def __str__(self) -> str:
        if len(self.probes) == 1:
            return str(self.probes[0])
        return self._joint.join(f"({part})" if isinstance(part, AllOf | AnyOf) else str(part) for part in self.probes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.probes))})"


@attrs.frozen(init=False, field_transformer=gather, slots=False, str=False, repr=False)
class AllOf(_Several):
    """Ready when all of *probes* have seen it. What one has seen once is not asked again."""

    probes: tuple[AnyProbe, ...] = attrs.field(validator=_probes)
    """Any probes but `Completes`, also of one's own."""

    _joint = " and "

    def __init__(self, *probes: AnyProbe) -> None:
        object.__setattr__(self, "probes", probes)
        self.__attrs_post_init__()

    def __attrs_post_init__(self) -> None:
        report(self, "all_of")


@attrs.frozen(init=False, field_transformer=gather, slots=False, str=False, repr=False)
class AnyOf(_Several):
    """Ready when one of *probes* has seen it. It never will be when all of them say so."""

    probes: tuple[AnyProbe, ...] = attrs.field(validator=_probes)
    """Any probes but `Completes`, also of one's own."""

    _joint = " or "

    def __init__(self, *probes: AnyProbe) -> None:
        object.__setattr__(self, "probes", probes)
        self.__attrs_post_init__()

    def __attrs_post_init__(self) -> None:
        report(self, "any_of")


AnyProbe: TypeAlias = (
    TcpPort | UnixSocket | HttpOk | FileExists | OutputLine | Notified | Succeeds | Calls | AllOf | AnyOf | Probe
)
"""All that can be a part of another probe."""

ReadySpec: TypeAlias = AnyProbe | Completes

KINDS = (*PLAIN, Calls, AllOf, AnyOf, Probe)
"""What can be the `ready` of a child."""


def leaves(probe: ReadySpec | None) -> Iterator[AnyProbe | Completes]:
    """The probes that *probe* consists of in the end: itself, or its parts, and theirs."""
    if isinstance(probe, AllOf | AnyOf):
        for part in probe.probes:
            yield from leaves(part)
    elif probe is not None:
        yield probe


def is_plain(probe: ReadySpec | None) -> bool:
    """Whether it can travel to another machine, with all its parts."""
    return all(isinstance(leaf, PLAIN) for leaf in leaves(probe))


def ready_problems(spec: Any) -> Iterator[Problem]:
    """What of its `ready` is impossible together with other fields of a child."""
    for leaf in leaves(spec.ready):
        if isinstance(leaf, Notified) and "NOTIFY_SOCKET" in spec.env:
            yield Problem(".env", "NOTIFY_SOCKET is set by the launcher, for Notified()")
        if isinstance(leaf, OutputLine) and leaf.stream == "stderr" and spec.terminal:
            yield Problem(".ready", "waits for a line on stderr, and on a terminal all comes as stdout")
