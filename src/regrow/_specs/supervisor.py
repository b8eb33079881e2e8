"""What to run: a supervisor and its children, or one whose children come from a template."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import attrs

from regrow._specs import fields
from regrow._specs.backoff import Backoff
from regrow._specs.check import Problem, gather, report
from regrow._specs.child import ChildSpec, Restart, entry_problems, to_restart
from regrow._specs.hang import HangPolicy


class Strategy(enum.StrEnum):
    """Which siblings share a restart. OTP's strategies."""

    ONE_FOR_ONE = "one_for_one"
    """None: only the child that ended comes back."""

    ONE_FOR_ALL = "one_for_all"
    """All: they are stopped, and started again."""

    REST_FOR_ONE = "rest_for_one"
    """Those after it: they are stopped, and started again after it."""


class AutoShutdown(enum.StrEnum):
    """Whether the end of significant children ends their supervisor. OTP's auto-shutdown."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    """The first of them ends it."""
    ALL_SIGNIFICANT = "all_significant"
    """The last of them ends it."""


class Order(enum.StrEnum):
    """Whether children start and stop one after the other."""

    IN_TURN = "in_turn"
    """The next one starts when the one before is ready, and stops when the one before is gone."""

    TOGETHER = "together"
    """All at once; only under `one_for_one`."""


def _to_strategy(value: Strategy | str) -> Strategy:
    return fields.member(Strategy, value)


def _to_auto_shutdown(value: AutoShutdown | str) -> AutoShutdown:
    return fields.member(AutoShutdown, value)


def _to_order(value: Order | str) -> Order:
    return fields.member(Order, value)


def _to_children(value: Iterable[AnySpec]) -> tuple[AnySpec, ...]:
    return fields.to_tuple(value)  # type checkers infer nothing from a generic converter


def _check_children(spec: Any, field: attrs.Attribute[Any], value: Any) -> None:
    fields.each(ANY_SPEC, "a spec")(spec, field, value)  # only now there are such classes


@attrs.frozen(kw_only=True, field_transformer=gather)
class _Common:
    """The fields that both kinds of supervisors have."""

    name: str = attrs.field(validator=fields.name)
    """What it is called among its siblings; the root's name stands for the whole tree."""

    max_restarts: int = attrs.field(default=3, validator=fields.count(0))
    """How many restarts within `window` are tolerated; one more, and it gives up. 0: the first crash is fatal."""

    window: float = attrs.field(default=5.0, converter=fields.to_seconds, validator=fields.seconds(above=0))
    """Seconds; `inf`: the restarts of its whole life count."""

    auto_shutdown: AutoShutdown = attrs.field(
        default=AutoShutdown.NEVER,
        converter=_to_auto_shutdown,
        validator=fields.one_of(AutoShutdown),
    )
    """Whether the end of significant children ends it."""

    restart: Restart = attrs.field(
        default=Restart.PERMANENT,
        converter=to_restart,
        validator=fields.one_of(Restart),
    )
    """When it comes back after it gave up or shut itself down, as a child of another supervisor."""

    significant: bool = attrs.field(default=False, validator=fields.flag)
    """Whether its end may end the supervisor above it."""

    autostart: bool = attrs.field(default=True, validator=fields.flag)
    """False: it stays down until somebody starts it."""

    backoff: Backoff | None = attrs.field(
        factory=Backoff, validator=fields.instance((Backoff, type(None)), "a Backoff or None")
    )
    """The waits before its own restarts; `None`: no wait, as OTP."""

    hang: HangPolicy | None = attrs.field(
        default=None, validator=fields.instance((HangPolicy, type(None)), "a HangPolicy or None")
    )
    """How long each child directly below it may be idle that has no `hang` of its own; `None`: for ever.

    It holds for an incarnation from its start on."""


@attrs.frozen(kw_only=True, field_transformer=gather)
class SupervisorSpec(_Common):
    """A supervisor and its children, which may be supervisors themselves.

    Raises:
        InvalidSpecError: when made, with every problem at once.
    """

    children: tuple[AnySpec, ...] = attrs.field(default=(), converter=_to_children, validator=_check_children)
    """In start order; they stop in reverse."""

    strategy: Strategy = attrs.field(
        default=Strategy.ONE_FOR_ONE,
        converter=_to_strategy,
        validator=fields.one_of(Strategy),
    )
    """Which siblings share a restart."""

    order: Order = attrs.field(default=Order.IN_TURN, converter=_to_order, validator=fields.one_of(Order))
    """Whether the children start and stop one after the other, or all at once."""

    def __attrs_post_init__(self) -> None:
        report(self, str(self.name))

    def combinations(self) -> Iterator[Problem]:
        """What is impossible together."""
        yield from entry_problems(self)
        if self.order is Order.TOGETHER and self.strategy is not Strategy.ONE_FOR_ONE:
            message = f"'together' needs strategy one_for_one, not {self.strategy}: a group restart has an order"
            yield Problem(".order", message)
        for name, times in Counter(str(child.name) for child in self.children).items():
            if times > 1:
                yield Problem(f"/{name}", f"{times} children have this name; it must be unique")
        for child in self.children:
            yield from child_problems(self, child)


@attrs.frozen(kw_only=True, field_transformer=gather)
class DynamicSpec(_Common):
    """A supervisor whose children are added at run time: from a template with extra arguments, or by whole specs.

    OTP's `simple_one_for_one`: none at boot, each restarted alone, all stopped at once; what is down is forgotten.

    Raises:
        InvalidSpecError: when made, with every problem at once.
    """

    template: ChildSpec | None = attrs.field(
        default=None, validator=fields.instance((ChildSpec, type(None)), "a ChildSpec or None")
    )
    """What a child is made from that is started with extra arguments; they are appended to its command."""

    max_children: int | None = attrs.field(default=None, validator=attrs.validators.optional(fields.count(1)))
    """How many children there may be at a time, restarting ones included; `None`: any number."""

    def __attrs_post_init__(self) -> None:
        report(self, str(self.name))

    def combinations(self) -> Iterator[Problem]:
        """What is impossible together."""
        yield from entry_problems(self)
        if self.template is not None:
            yield from child_problems(self, self.template)


AnySupervisorSpec: TypeAlias = SupervisorSpec | DynamicSpec
AnySpec: TypeAlias = ChildSpec | SupervisorSpec | DynamicSpec
ANY_SPEC = (ChildSpec, SupervisorSpec, DynamicSpec)


def child_problems(supervisor: AnySupervisorSpec, child: AnySpec) -> Iterator[Problem]:
    """What is impossible for *child* under *supervisor*."""
    if child.significant and supervisor.auto_shutdown is AutoShutdown.NEVER:
        message = "has no meaning while its supervisor's auto_shutdown is 'never'"
        yield Problem(f"/{child.name}.significant", message)


def walk(spec: AnySpec, path: str = ".") -> Iterator[tuple[str, AnySpec]]:
    """Every spec of a tree with its path from the root, which is `.`; parents first, siblings in start order."""
    yield path, spec
    if isinstance(spec, SupervisorSpec):
        for child in spec.children:
            yield from walk(child, join(path, child.name))


def join(path: str, name: str) -> str:
    """The path of the child *name* of the supervisor at *path*."""
    return name if path == "." else f"{path}/{name}"
