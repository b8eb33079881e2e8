"""The status of a tree: read from ledgers and actors at one moment, without waiting."""

from __future__ import annotations

import trio

from regrow._actors.process import Process
from regrow._actors.supervisor import Supervisor
from regrow._decisions.entries import Entry
from regrow._specs.child import ChildSpec
from regrow._specs.status import AnyStatus, ChildStatus, State, SupervisorStatus
from regrow._specs.supervisor import AnySupervisorSpec, SupervisorSpec, join


def root_status(root: Supervisor) -> SupervisorStatus:
    """The status of the whole tree."""
    return _of_live(root, _root_state(root))


def entry_status(owner: Supervisor, entry: Entry) -> AnyStatus:
    """The status of one entry of *owner*, and of all below it."""
    actor = owner.children.get(entry.name)
    if isinstance(entry.spec, ChildSpec):
        return _of_child(owner, entry, entry.spec, actor if isinstance(actor, Process) else None)
    if isinstance(actor, Supervisor) and actor.exit is None:
        return _of_live(actor, state_of(owner, entry), entry)
    return _of_down(owner, entry, entry.spec, actor if isinstance(actor, Supervisor) else None)


def state_of(owner: Supervisor, entry: Entry) -> State:
    """What the entry is doing, as seen from outside: one that is dead is down, also while nobody has decided yet."""
    return State.DOWN if is_undecided(owner, entry) else entry.state


def is_undecided(owner: Supervisor, entry: Entry) -> bool:
    """Whether its incarnation has ended, and what comes of that is still to be decided."""
    actor = owner.children.get(entry.name)
    return entry.exited is not None or (entry.is_live and actor is not None and actor.exit is not None)


def lasting_state(owner: Supervisor, name: str) -> State | None:
    """The state of an entry, for who waits; one that is not there is down. `None`: wait, it is not going to stay so."""
    entry = owner.ledger.entries.get(name)
    if entry is None:
        return State.DOWN
    if is_undecided(owner, entry) or (entry.state is State.DOWN and owner.ledger.is_coming_back(name)):
        return None
    return entry.state


def _root_state(root: Supervisor) -> State:
    if root.exit is not None:
        return State.DOWN
    if root.ledger.end is not None:
        return State.STOPPING
    return State.READY if root.ledger.is_booted else State.STARTING


def _of_child(owner: Supervisor, entry: Entry, spec: ChildSpec, actor: Process | None) -> ChildStatus:
    now = trio.current_time()
    state = state_of(owner, entry)
    live = actor if actor is not None and actor.exit is None else None
    is_awaited = live is not None and state is State.STARTING
    return ChildStatus(
        path=join(owner.path, entry.name),
        name=entry.name,
        state=state,
        pid=live.pid if live else None,
        incarnation=actor.key.incarnation if actor else 0,
        uptime=now - live.ready_at if live and live.ready_at is not None else None,
        started_at=live.launched_time if live else None,
        waiting_for=str(spec.ready or "launch") if is_awaited else None,
        waiting_since=now - live.launched_at if live and is_awaited else None,
        restarts=entry.restarts,
        last_exit=actor.exit if actor is not None and actor.exit is not None else entry.last_exit,
        next_retry=_left(entry, now),
        containment=(actor.containment if actor else "") or owner.tree.containment,
        keeps_strays=(actor.spec if actor else spec).strays == "keep",
        why=live.stuck.why if live and live.stuck else "",
    )


def _of_live(actor: Supervisor, state: State, entry: Entry | None = None) -> SupervisorStatus:
    now = trio.current_time()
    ledger = actor.ledger
    return SupervisorStatus(
        path=actor.path,
        name=ledger.spec.name,
        state=state,
        strategy=_strategy(ledger.spec),
        incarnation=actor.key.incarnation,
        uptime=None if actor.ready_at is None else now - actor.ready_at,
        restarts=entry.restarts if entry else 0,
        restarts_in_window=ledger.budget.ages(now),
        restarts_left=ledger.budget.left(now),
        max_restarts=ledger.spec.max_restarts,
        window=ledger.spec.window,
        last_exit=entry.last_exit if entry else actor.exit,
        children=tuple(entry_status(actor, child) for child in ledger.entries.values()),
    )


def _of_down(owner: Supervisor, entry: Entry, spec: AnySupervisorSpec, actor: Supervisor | None) -> SupervisorStatus:
    return SupervisorStatus(
        path=join(owner.path, entry.name),
        name=entry.name,
        state=state_of(owner, entry),
        strategy=_strategy(spec),
        incarnation=actor.key.incarnation if actor else 0,
        restarts=entry.restarts,
        max_restarts=spec.max_restarts,
        window=spec.window,
        last_exit=entry.last_exit,
        next_retry=_left(entry, trio.current_time()),
    )


def _strategy(spec: AnySupervisorSpec) -> str:
    return spec.strategy.value if isinstance(spec, SupervisorSpec) else "dynamic"


def _left(entry: Entry, now: float) -> float | None:
    return None if entry.retry_at is None else max(0.0, entry.retry_at - now)
