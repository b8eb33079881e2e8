"""How one child is while it lives: what policies have found out about it, and who is told when that changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regrow._decisions import health as decisions
from regrow._decisions.health import Condition
from regrow._specs import event as events
from regrow._specs.exit import Exit
from regrow._specs.hang import HangPolicy
from regrow._specs.readiness import Completes
from regrow._specs.status import Health, State

if TYPE_CHECKING:
    from regrow._actors.process import Process


class Vitals:
    """What is known of one incarnation."""

    __slots__ = ("_concerns", "_process", "_told", "_trouble")

    def __init__(self, process: Process) -> None:
        self._process = process
        self._concerns: dict[str, tuple[str, ...]] = {}
        self._trouble = ""
        self._told: Health | None = None  # what it was when somebody was told last; `None`: it has not been ready

    def concern(self, source: str, *whys: str) -> None:
        """This is what *source* (`hang`, `limits`) is concerned about now; nothing: it is not any more."""
        if self._concerns.get(source, ()) != whys:
            self._concerns[source] = whys
            self._tell()

    def trouble(self, why: str) -> None:
        """A policy is about to end it."""
        self._trouble = why
        self._tell()

    def begin(self) -> None:
        """It is ready: changes are told from now on."""
        self._told = self._now()[0]

    def condition(self, state: State, last_exit: Exit | None = None) -> Condition:
        """What is known of it while its entry is in *state*."""
        concerns = [why for whys in self._concerns.values() for why in whys]
        is_judged = self._is_judged
        return Condition(
            state=state, is_judged=is_judged, trouble=self._trouble, concerns=concerns, last_exit=last_exit
        )

    @property
    def _is_judged(self) -> bool:
        spec = self._process.spec
        has_probe = spec.ready is not None and not isinstance(spec.ready, Completes)
        return has_probe or bool(spec.limits) or isinstance(spec.hang, HangPolicy)

    def _now(self) -> tuple[Health, str]:
        return decisions.health(self.condition(State.READY))

    def _tell(self) -> None:
        health, why = self._now()
        if self._told not in {None, health}:
            self._told = health
            key = self._process.key
            self._process.tree.announce(events.HealthChanged(key.path, health, why))


def of_nobody(state: State, last_exit: Exit | None) -> Health:
    """The health of an entry of which nothing lives."""
    return decisions.health(Condition(state=state, is_judged=False, last_exit=last_exit))[0]


def of_living(process: Process, state: State, last_exit: Exit | None) -> Health:
    """The health of an entry of which *process* lives."""
    return decisions.health(process.vitals.condition(state, last_exit))[0]
