"""Random specs of trees, for hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from regrow._specs.backoff import Backoff
from regrow._specs.child import ChildSpec, Restart
from regrow._specs.readiness import Completes
from regrow._specs.supervisor import AnySpec, AutoShutdown, DynamicSpec, Order, Strategy, SupervisorSpec

MOST = 4
"""How many children a supervisor has at most."""


class Shown:
    """A spec that hypothesis shows in few words."""

    def __init__(self, spec: Any) -> None:
        self.spec = spec

    def __repr__(self) -> str:
        return shown(self.spec)


def shown(spec: AnySpec) -> str:
    """Its name, then whatever is not as it is mostly, then its children."""
    words = [str(getattr(spec, name)) for name in ("strategy", "max_restarts", "window") if hasattr(spec, name)]
    words += [] if spec.restart is Restart.PERMANENT else [spec.restart.value]
    words += [name for name in ("significant", "template", "max_children") if getattr(spec, name, None)]
    words += ["dormant"] * (not spec.autostart)
    if isinstance(spec, ChildSpec):
        words += ["completes"] * (spec.ready is not None)
    elif spec.auto_shutdown is not AutoShutdown.NEVER:
        words.append(spec.auto_shutdown.value)
    if spec.backoff is not None:
        backoff = spec.backoff
        words.append(f"backoff({backoff.immediate}, {backoff.initial}, {backoff.give_up_after})")
    if isinstance(spec, ChildSpec):
        return " ".join([spec.name, *words])
    inside = ", ".join(map(shown, spec.children)) if isinstance(spec, SupervisorSpec) else ""
    return f"{spec.name}[{' '.join(words)}]({inside})"


BUDGETS = st.sampled_from([0, 1, 2, 3, 4, 8])
WINDOWS = st.sampled_from([2.0, 5.0, float("inf")])
SHUTDOWNS = st.sampled_from([AutoShutdown.NEVER, *AutoShutdown])
RESTARTS = st.sampled_from([Restart.PERMANENT, *Restart])
BACKOFFS = st.sampled_from(
    [
        None,
        Backoff(jitter=0),
        Backoff(immediate=0, initial=0.5, jitter=0.5, maximum=1),
        Backoff(immediate=0, give_up_after=2, reset_after=1),
    ]
)


@st.composite
def children(draw: st.DrawFn, shutdown: AutoShutdown, *, name: str, backoff: bool = False) -> ChildSpec:
    """A process that fits a supervisor with this auto-shutdown."""
    entry = draw(entries(shutdown))
    ready = Completes() if not entry["significant"] and draw(st.integers(0, 9)) == 9 else None
    waits = draw(BACKOFFS) if backoff else None
    return ChildSpec(**entry, name=name, command=["program"], ready=ready, backoff=waits)


@st.composite
def entries(draw: st.DrawFn, shutdown: AutoShutdown) -> dict[str, Any]:
    """The fields that every kind of child has."""
    restart = draw(RESTARTS)
    may_be_significant = shutdown is not AutoShutdown.NEVER and restart is not Restart.PERMANENT
    significant = may_be_significant and draw(st.booleans())
    return {"restart": restart, "significant": significant, "autostart": draw(st.integers(0, 4)) < 4}


@st.composite
def supervisors(
    draw: st.DrawFn,
    depth: int = 3,
    *,
    name: str = "top",
    entry: dict[str, Any] | None = None,
    backoff: bool = False,
) -> SupervisorSpec | DynamicSpec:
    """A supervisor with up to *depth* levels."""
    shutdown = draw(SHUTDOWNS)
    common = {"name": name, "max_restarts": draw(BUDGETS), "window": draw(WINDOWS), "auto_shutdown": shutdown}
    common |= {"backoff": draw(BACKOFFS) if backoff else None, **(entry or {})}
    if draw(st.integers(0, 7)) == 7:
        template = draw(children(shutdown, name="template", backoff=backoff))
        return DynamicSpec(**common, template=template, max_children=draw(st.sampled_from([None, 2])))
    names = "abcd"[: draw(st.integers(0, MOST))]
    specs: list[AnySpec] = []
    for below in names:
        if depth > 1 and draw(st.integers(0, 2)) == 2:
            inside = draw(entries(shutdown))
            specs.append(draw(supervisors(depth - 1, name=below, entry=inside, backoff=backoff)))
        else:
            specs.append(draw(children(shutdown, name=below, backoff=backoff)))
    strategy = draw(st.sampled_from(Strategy))
    order = draw(st.sampled_from(Order)) if backoff and strategy is Strategy.ONE_FOR_ONE else Order.IN_TURN
    return SupervisorSpec(**common, children=specs, strategy=strategy, order=order)


@st.composite
def concise(draw: st.DrawFn, specs: st.SearchStrategy[Any]) -> Shown:
    """One of *specs*, shown in few words."""
    return Shown(draw(specs))
