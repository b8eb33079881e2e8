"""Answers and verdicts as words, for tests to compare."""

from __future__ import annotations

from regrow._decisions import verdicts
from regrow._decisions.verdicts import End, Verdict
from regrow._specs.supervisor import join
from regrow.exceptions import (
    AlreadyRunningError,
    InvalidSpecError,
    InvalidStateError,
    ProcessNotFoundError,
    StartFailedError,
    SupervisorEndedError,
    TerminateFailedError,
)

WORDS: dict[type[Exception], str] = {
    InvalidSpecError: "invalid",
    ProcessNotFoundError: "not_found",
    StartFailedError: "failed",
    SupervisorEndedError: "ended",
    TerminateFailedError: "stuck",
}
STATES = {
    "running": "running",
    "restarting": "restarting",
    "stuck": "stuck",
    "it is being stopped": "cancelled",
}


def word(error: Exception | None) -> str:
    """An answer as one word."""
    match error:
        case None:
            return "ok"
        case AlreadyRunningError():
            return f"already_{error.state}" if error.state in ("running", "stuck") else "already_present"
        case InvalidStateError() if type(error) is InvalidStateError:
            return STATES.get(error.state, "too_many")
        case _:
            return WORDS[type(error)]


def in_words(path: str, order: Verdict) -> str:
    """A verdict as a line."""
    match order:
        case verdicts.Reply(_, error):
            return f"answer {word(error)}"
        case verdicts.Booted():
            return f"booted {path}"
        case verdicts.Ending(end):
            return f"ending {path}: {end.reason.value}"
        case End():
            return f"end {path}: {order.reason.value}"
        case _:
            return about_child(join(path, order.name), order)


def about_child(path: str, order: Verdict) -> str:
    """A verdict about the child at *path* as a line."""
    match order:
        case verdicts.Schedule(delay=delay):
            return f"restart {path}" + (f" in {delay:g}" if delay else "")
        case verdicts.Wait(delay=delay):
            return f"wait for {path} {delay:g}"
        case verdicts.CancelWait():
            return f"wait no more for {path}"
        case verdicts.Forget(asked=asked):
            return f"{'delete' if asked else 'forget'} {path}"
        case _:
            return f"{type(order).__name__.lower()} {path}"
