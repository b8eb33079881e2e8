"""Every event as one structured log line, through the application's own logging."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import structlog

from regrow._specs import event as events
from regrow._specs.event import Event
from regrow._specs.exit import Exit
from regrow._specs.facts import Evidence
from regrow._specs.limit import RestartAbove, WarnAbove

logging.getLogger("regrow").addHandler(logging.NullHandler())

_LEVELS: dict[type[Event], str] = {
    events.ChildStartFailed: "warning",
    events.ChildStuck: "error",
    events.OutputMissed: "warning",
    events.SurvivorEnded: "warning",
    events.RestartScheduled: "warning",
    events.HangSuspected: "warning",
    events.ChildHung: "error",
    events.ActivityFailed: "warning",
    events.WatchdogLate: "warning",
    events.LimitWarned: "warning",
    events.LimitExceeded: "warning",
    events.SupervisorGaveUp: "error",
    events.SinkRemoved: "error",
    events.ChildOutput: "debug",
}

_WATCHDOG = "regrow.watchdog"
_OF_WATCHDOG = (
    events.HangSuspected,
    events.ChildHung,
    events.ChildActive,
    events.ActivityFailed,
    events.WatchdogLate,
)
_NOT_LOGGED = {"path", "seq", "at", "time"}


class LogSink:
    """A sink that logs. structlog is never configured by us.

    If the application has configured structlog, its configuration is used; if not, the standard library's logger
    `regrow`, and `regrow.watchdog` below it for what the watchdog has to say, which is silent until the application
    gives it, or the root logger, a handler.
    """

    def __call__(self, event: Event) -> None:
        """Log *event*."""
        logger = _logger(_WATCHDOG if isinstance(event, _OF_WATCHDOG) else "regrow")
        getattr(logger, level(event))(name(event), path=event.path, seq=event.seq, **facts(event))


def name(event: Event) -> str:
    """What an event is called in a log: `child_exited`."""
    word = type(event).__name__
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in word).lstrip("_")


def level(event: Event) -> str:
    """How loud an event is: `debug`, `info`, `warning` or `error`."""
    exit: Exit | None = getattr(event, "exit", None)
    if type(event) not in _LEVELS and exit is not None and exit.reason.is_abnormal:
        return "warning"
    return _LEVELS.get(type(event), "info")


def facts(event: Event) -> dict[str, Any]:
    """What there is to say, in values that every renderer can print."""
    found: dict[str, Any] = {}
    for field in attrs.fields(type(event)):
        value = getattr(event, field.name)
        if isinstance(value, Exit):
            found |= _exit_facts(value)
        elif isinstance(value, RestartAbove | WarnAbove):
            found[field.name] = str(value)
        elif isinstance(value, Evidence):
            found |= {"state": value.state, "waits_in": value.waits_in, "stack": value.stack}
        elif field.name not in _NOT_LOGGED:
            found[field.name] = value
    return found


def _exit_facts(exit: Exit) -> dict[str, Any]:
    found = {
        "reason": exit.reason.value,
        "code": exit.code,
        "signal": exit.signal,
        "why": exit.why,
        "pid": exit.pid,
        "killed": exit.killed,
        "strays": exit.strays,
        "tail": list(exit.tail) if exit.reason.is_abnormal else [],
        "error": str(exit.error) if exit.error else None,
    }
    return {key: value for key, value in found.items() if value not in (None, "", False, 0, []) or key == "reason"}


def _logger(name: str) -> Any:
    return structlog.get_logger(name) if structlog.is_configured() else _standard[name]


def _wrap(name: str) -> Any:
    return structlog.wrap_logger(
        logging.getLogger(name),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
    )


_standard = {name: _wrap(name) for name in ("regrow", _WATCHDOG)}
