"""The status of a tree: read from ledgers and actors at one moment, without waiting."""

from __future__ import annotations

import trio

from regrow._actors import health
from regrow._actors.process import Process
from regrow._actors.supervisor import Supervisor
from regrow._decisions.entries import Entry
from regrow._decisions.health import of_tree
from regrow._specs.child import ChildSpec
from regrow._specs.hang import HangPolicy
from regrow._specs.status import AnyStatus, ChildStatus, Health, State, SupervisorStatus
from regrow._specs.supervisor import AnySupervisorSpec, SupervisorSpec, join


def root_status(root: Supervisor) -> SupervisorStatus:
    """The status of the whole tree."""
    return _of_live(root, root_state(root))


def entry_status(owner: Supervisor, entry: Entry) -> AnyStatus:
    """The status of one entry of *owner*, and of all below it."""
    actor = owner.children.get(entry.name)
    if isinstance(entry.spec, ChildSpec):
        return _of_child(owner, entry, entry.spec, actor if isinstance(actor, Process) else None)
    if isinstance(actor, Supervisor) and actor.exit is None:
        return _of_live(actor, state_of(owner, entry), entry)
    return _of_down(owner, entry, entry.spec, actor if isinstance(actor, Supervisor) else None)


def state_shown(owner: Supervisor, entry: Entry) -> State:
    """The same as `state_of`, and whether it is paused."""
    actor = owner.children.get(entry.name)
    is_held = isinstance(actor, Process) and actor.hold.is_held
    return _shown(state_of(owner, entry), is_paused=is_held)


def _shown(state: State, *, is_paused: bool) -> State:
    return State.PAUSED if is_paused and state in {State.STARTING, State.READY} else state


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


def root_state(root: Supervisor) -> State:
    """What the root is doing."""
    if root.exit is not None:
        return State.DOWN
    if root.ledger.end is not None:
        return State.STOPPING
    return State.READY if root.ledger.is_booted else State.STARTING


def _of_child(owner: Supervisor, entry: Entry, spec: ChildSpec, actor: Process | None) -> ChildStatus:
    now = trio.current_time()
    state = state_shown(owner, entry)
    live = actor if actor is not None and actor.exit is None else None
    is_awaited = live is not None and state is State.STARTING
    is_watched = live is not None and live.ready_at is not None and isinstance(live.spec.hang, HangPolicy)
    return ChildStatus(
        path=join(owner.path, entry.name),
        name=entry.name,
        state=state,
        pid=live.pid if live else None,
        incarnation=actor.key.incarnation if actor else 0,
        uptime=now - live.ready_at if live and live.ready_at is not None else None,
        started_at=live.launched_time if live else None,
        waiting_for=_held_start(live) or _awaited(live, spec) if live and is_awaited else None,
        waiting_since=now - live.launched_at if live and is_awaited else None,
        restarts=entry.restarts,
        last_exit=actor.exit if actor is not None and actor.exit is not None else entry.last_exit,
        next_retry=_left(owner, entry),
        containment=(actor.containment if actor else "") or owner.tree.containment,
        keeps_strays=(actor.spec if actor else spec).strays == "keep",
        says=live.word.says if live else "",
        why=live.stuck.why if live and live.stuck else "",
        health=_health(entry, live, actor, state),
        idle=live.signs.idle if is_watched and live else None,
        activity=live.signs.source if is_watched and live else "",
        paused_for=live.hold.lasts if live else None,
        sample=owner.tree.limiter.sample(live) if live else None,
    )


def _awaited(live: Process, spec: ChildSpec) -> str:
    """What it still takes until it is ready."""
    return live.word.awaits or str(spec.ready or "launch")


def _held_start(live: Process | None) -> str:
    """Whose pause holds its start up."""
    holder = live.tree.pauses.holder(live.key.path) if live is not None and live.running is None else None
    return "" if holder is None else f"{'the root' if holder == '.' else holder} to be resumed"


def _health(entry: Entry, live: Process | None, actor: Process | None, state: State) -> Health:
    if live is not None:
        return health.of_living(live, state, entry.last_exit)
    return health.of_nobody(state, actor.exit if actor is not None and actor.exit is not None else entry.last_exit)


def _of_live(actor: Supervisor, state: State, entry: Entry | None = None) -> SupervisorStatus:
    now = trio.current_time()
    ledger = actor.ledger
    paused_for = actor.tree.pauses.lasts(actor.path)
    children = tuple(entry_status(actor, child) for child in ledger.entries.values())
    return SupervisorStatus(
        path=actor.path,
        name=ledger.spec.name,
        state=_shown(state, is_paused=paused_for is not None),
        strategy=_strategy(ledger.spec),
        incarnation=actor.key.incarnation,
        uptime=None if actor.ready_at is None else now - actor.ready_at,
        restarts=entry.restarts if entry else 0,
        restarts_in_window=ledger.budget.ages(now),
        restarts_left=ledger.budget.left(now),
        max_restarts=ledger.spec.max_restarts,
        window=ledger.spec.window,
        last_exit=entry.last_exit if entry else actor.exit,
        health=of_tree(children),
        paused_for=paused_for,
        children=children,
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
        next_retry=_left(owner, entry),
        health=health.of_nobody(state_of(owner, entry), entry.last_exit),
    )


def _strategy(spec: AnySupervisorSpec) -> str:
    return spec.strategy.value if isinstance(spec, SupervisorSpec) else "dynamic"


def _left(owner: Supervisor, entry: Entry) -> float | None:
    wait = owner.waits.get(entry.name)
    return None if entry.retry_at is None or wait is None else wait.left
