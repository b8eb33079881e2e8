"""How a running supervisor becomes the one of a new spec."""

from __future__ import annotations

from contextlib import suppress

from regrow._actors.supervisor import Supervisor
from regrow._decisions.applying import Plan, plan
from regrow._decisions.calls import DeleteChild, StartNamed, StopChild
from regrow._specs.child import ChildSpec
from regrow._specs.status import State
from regrow._specs.supervisor import AnySupervisorSpec, SupervisorSpec
from regrow.exceptions import InvalidStateError, ProcessNotFoundError, RegrowError


async def apply(supervisor: Supervisor, spec: AnySupervisorSpec) -> list[RegrowError]:
    """Carry out the plan; return the errors of starts that failed, whose entries stay down.

    Cancelling leaves it half done; applying the same spec again does the rest.
    """
    _check_kind(supervisor, spec)
    entries = supervisor.ledger.entries
    steps = plan({name: entry.spec for name, entry in entries.items()}, spec)
    was_up = {name for name in steps.replaced if entries[name].state is not State.DOWN}
    await supervisor.retire(steps.stopped)  # no group restart is to bring them back meanwhile
    try:
        await _stop(supervisor, steps)
        await supervisor.adopt(spec)
        return [*await _start(supervisor, steps, was_up, spec), *await _descend(supervisor, steps, spec)]
    finally:
        supervisor.reinstate(steps.stopped)  # cut off, or at its end: what is still there is as any other


async def _stop(supervisor: Supervisor, steps: Plan) -> None:
    for name in steps.removed:
        await _remove(supervisor, name)
    for name in reversed(steps.replaced):
        with suppress(ProcessNotFoundError):  # a temporary child that ended meanwhile
            await supervisor.ask(StopChild(name))


async def _remove(supervisor: Supervisor, name: str) -> None:
    with suppress(ProcessNotFoundError):  # a temporary child is forgotten as soon as it is down
        await supervisor.ask(StopChild(name))
        await supervisor.ask(DeleteChild(name))


async def _start(supervisor: Supervisor, steps: Plan, was_up: set[str], spec: AnySupervisorSpec) -> list[RegrowError]:
    errors: list[RegrowError] = []
    for child in spec.children if isinstance(spec, SupervisorSpec) else ():
        if child.name in was_up or (child.name in steps.added and child.autostart):
            try:
                await supervisor.ask(StartNamed(child.name))
            except RegrowError as error:
                errors.append(error)
    return errors


async def _descend(supervisor: Supervisor, steps: Plan, spec: AnySupervisorSpec) -> list[RegrowError]:
    errors: list[RegrowError] = []
    children = spec.children if isinstance(spec, SupervisorSpec) else ()
    for child in children:
        actor = supervisor.children.get(child.name)
        if child.name in steps.nested and isinstance(actor, Supervisor) and actor.exit is None:
            assert not isinstance(child, ChildSpec)  # the plan says that it is a supervisor
            errors += await apply(actor, child)
    return errors


def _check_kind(supervisor: Supervisor, spec: AnySupervisorSpec) -> None:
    old = supervisor.ledger.spec
    if type(old) is not type(spec):
        hint = "stop it, and start one of the new kind"
        raise InvalidStateError(
            supervisor.path, "apply", f"it is a {type(old).__name__}, not a {type(spec).__name__}", hint
        )
    if old.name != spec.name:
        raise InvalidStateError(supervisor.path, "apply", f"its name is {old.name!r}, not {spec.name!r}")
