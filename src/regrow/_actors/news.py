"""What a supervisor announces: verdicts that are news, as events."""

from __future__ import annotations

from typing import assert_never

from regrow._decisions import verdicts
from regrow._specs import event as events
from regrow._specs.exit import Reason
from regrow._specs.supervisor import join


def news_of(order: verdicts.News, path: str, incarnation: int) -> list[events.Event]:
    """The events that tell *order*, which the supervisor at *path* was given."""
    match order:
        case verdicts.Schedule(name, delay, attempt, left):
            return [events.RestartScheduled(join(path, name), delay, attempt, left)]
        case verdicts.Cancel(name):
            return [events.RestartCancelled(join(path, name))]
        case verdicts.Add(name):
            return [events.ChildAdded(join(path, name))]
        case verdicts.Forget(name, asked):
            return [events.ChildDeleted(join(path, name)) if asked else events.ChildForgotten(join(path, name))]
        case verdicts.Booted():
            return [events.SupervisorReady(path, incarnation)]
        case verdicts.Ending(end):
            return _news_of_end(end, path, incarnation)
        case _:
            assert_never(order)


def _news_of_end(end: verdicts.End, path: str, incarnation: int) -> list[events.Event]:
    why = {Reason.STOPPED: "asked", Reason.NORMAL: "auto-shutdown"}.get(end.reason, end.reason.value)
    stopping = events.SupervisorStopping(path, incarnation, why.replace("_", " "))
    if not end.limit:
        return [stopping]
    culprit, exit = end.culprits[0]
    return [events.SupervisorGaveUp(path, incarnation, join(path, culprit), exit), stopping]
