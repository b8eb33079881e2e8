"""How a supervisor's end is told: to the supervisor above as an exit, to the caller at the top as an error."""

from __future__ import annotations

import attrs

from regrow._decisions.failures import start_failed
from regrow._decisions.ledger import Ledger
from regrow._decisions.verdicts import End
from regrow._specs.exit import Exit, Reason
from regrow._specs.status import State
from regrow._specs.supervisor import join
from regrow.exceptions import RegrowError, TooManyRestartsError

EX_SOFTWARE = 70
"""The exit code of a program whose tree gave up. BSD: sysexits."""


def errors_of(end: End, ledger: Ledger) -> list[RegrowError]:
    """The errors that tell *end*, if it was a bad one."""
    path = ledger.path
    if end.reason not in {Reason.GAVE_UP, Reason.FAILED_TO_START}:
        return []
    if end.limit:
        culprit, exit = end.culprits[0]
        name = repr(ledger.spec.name) if path == "." else path
        at = join(path, culprit)
        return [TooManyRestartsError(path, name, limit=end.limit, culprit=at, exit=exit, restarts=end.restarts)]
    specs = {name: entry.spec for name, entry in ledger.entries.items()}
    return [start_failed(join(path, culprit), exit, specs.get(culprit)) for culprit, exit in end.culprits]


def exit_of(end: End, ledger: Ledger, *, ran_for: float, healthy_for: float) -> Exit:
    """The exit that the supervisor above is told."""
    errors = errors_of(end, ledger)
    last = _significant_failure(end)
    return Exit(
        end.reason,
        code=last.code if last else None,
        signal=last.signal if last else None,
        error=_as_one(errors, ledger.path),
        left=_stuck_below(ledger),
        ran_for=ran_for,
        healthy_for=healthy_for,
        was_refused=bool(end.culprits) and not end.limit and all(exit.was_refused for _, exit in end.culprits),
    )


def group_of(errors: list[Exception], name: str, end: End) -> ExceptionGroup[Exception]:
    """The error that leaves the tree called *name*: one group, whose own text already names the culprits."""
    what = "gave up" if end.reason is Reason.GAVE_UP else "could not start"
    return ExceptionGroup(f"supervision tree {name!r} {what}: " + "; ".join(str(error) for error in errors), errors)


def _significant_failure(end: End) -> Exit | None:
    """The bad end of a significant child, whose code a program that ends by auto-shutdown takes for its own."""
    if end.reason is not Reason.NORMAL or not end.culprits:
        return None
    exit = end.culprits[0][1]
    has_code = exit.code is not None or exit.signal is not None
    if exit.reason is Reason.NORMAL:
        return exit if exit.pid is None and has_code else None  # a supervisor that took the code of its own child
    return exit if has_code else attrs.evolve(exit, code=EX_SOFTWARE)


def _stuck_below(ledger: Ledger) -> tuple[str, ...]:
    here = [join(ledger.path, name) for name, entry in ledger.entries.items() if entry.state is State.STUCK]
    below = [path for entry in ledger.entries.values() if entry.last_exit for path in entry.last_exit.left]
    return (*here, *below)


def _as_one(errors: list[RegrowError], path: str) -> Exception | None:
    if len(errors) > 1:  # children that start together fail together
        return ExceptionGroup(f"{path}: {len(errors)} starts failed: {'; '.join(map(str, errors))}", errors)
    return errors[0] if errors else None
