"""What each event says, in plain words."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import Any

import attrs

from regrow._specs import event as events
from regrow._specs.child import ChildSpec
from regrow._specs.event import Event
from regrow._specs.exit import Exit, Reason
from regrow._specs.limit import amount
from regrow._specs.readiness import Completes
from regrow._specs.stop import To
from regrow._specs.supervisor import AnySpec, AnySupervisorSpec, DynamicSpec, walk


class Tone(enum.Enum):
    """What an event means to whoever watches."""

    PLAIN = enum.auto()
    GOOD = enum.auto()
    CAREFUL = enum.auto()
    BAD = enum.auto()


class Background:
    """What an event alone does not say: the specs of the tree, and which process is where."""

    def __init__(self, root: AnySupervisorSpec) -> None:
        self._specs: dict[str, AnySpec] = dict(walk(root))
        self.pids: dict[str, int] = {}
        """Of the newest incarnation at each path."""

    def note(self, event: Event) -> None:
        """Remember what later events leave out."""
        if isinstance(event, events.ChildStarted):
            self.pids[event.path] = event.pid
        elif isinstance(event, events.ChildForgotten | events.ChildDeleted):
            self.pids.pop(event.path, None)

    def at(self, path: str) -> AnySpec | None:
        """The spec at *path*; `None` for one that was added while the tree runs, unless there is a template."""
        if path in self._specs:
            return self._specs[path]
        above = self.above(path)
        return above.template if isinstance(above, DynamicSpec) else None

    def above(self, path: str) -> AnySpec | None:
        """The spec of the supervisor of *path*."""
        return self._specs.get(path.rpartition("/")[0] or ".")

    def probe(self, path: str) -> Any:
        """What it takes for the child at *path* to be ready, if that is more than to run."""
        spec = self.at(path)
        return spec.ready if isinstance(spec, ChildSpec) else None


def describe(event: Event, background: Background) -> str:
    """What happened to whatever is at the event's path."""
    return _WORDS[type(event)](event, background)


def tone(event: Event) -> Tone:
    """Whether it is good news or bad."""
    exit: Exit | None = getattr(event, "exit", None)
    if exit is not None and exit.reason.is_abnormal:
        return Tone.BAD
    return _TONES.get(type(event), Tone.PLAIN)


def is_minor(event: Event, background: Background) -> bool:
    """Whether only those want to read it who want to read everything."""
    match event:
        case events.ChildReady(path):
            return background.at(path) is not None and background.probe(path) is None
        case events.ChildWaiting(path, waiting_for=waiting_for):  # that has been said when it was started
            return waiting_for == str(background.probe(path))
        case events.SupervisorStarted(path):
            return path != "."
        case events.SupervisorStopping(path, why=why):
            return path != "." and why == "asked"
        case events.SupervisorExited(path, exit=exit):
            return path != "." and exit.reason is Reason.STOPPED
        case _:
            return isinstance(event, _MINOR)


def of_exit(exit: Exit) -> str:
    """How something ended. Not its last lines, and not the story of a supervisor: both have been printed by now."""
    words = attrs.evolve(exit, error=None, why="").describe()
    if exit.reason is Reason.NORMAL:
        words = words.replace("normal", "ended well", 1).replace(" (exit code 0)", "")
    if exit.ran_for is not None:
        words += f" after {of_seconds(exit.ran_for)}"
    if exit.killed:
        words += ", it had to be killed"
    if exit.strays:
        words += f", and {_many(exit.strays, 'stray')} with it"
    return f"{words}: {exit.why}" if exit.why else words


def of_seconds(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours = round(seconds / 3600)
    return f"{hours} h" if hours < 100 else f"{round(seconds / 86400)} days"


_MINOR = (events.ChildStopping, events.ChildAdded, events.SpecApplied, events.HealthChanged)
_TO = {To.MAIN: "", To.GROUP: ", with its group", To.TREE: ", with its whole tree"}


# -- one function for each event that has more to say than a word ------------------------------------------------------


def _started(event: events.ChildStarted, background: Background) -> str:
    probe = background.probe(event.path)
    again = "" if event.incarnation == 1 else " again"
    waiting = "" if probe is None or isinstance(probe, Completes) else f", waiting for {probe}"
    return f"started{again} (pid {event.pid}){waiting}"


def _ready(event: events.ChildReady, background: Background) -> str:
    return f"ready after {of_seconds(event.after)} (pid {background.pids.get(event.path, 0)})"


def _child_exited(event: events.ChildExited, background: Background) -> str:
    words = of_exit(event.exit)
    is_complete = event.exit.reason is Reason.NORMAL and isinstance(background.probe(event.path), Completes)
    return words.replace("ended well", "completed", 1) if is_complete else words


def _stuck(event: events.ChildStuck, _: Background) -> str:
    what = event.why or f"process {event.pid} is still there after the kill"
    return f"stuck: {what}; nothing replaces it while it lives"


def _signalled(event: events.ChildSignalled, _: Background) -> str:
    return f"was sent {event.signal}{_TO[event.to]}"


def _output_missed(event: events.OutputMissed, _: Background) -> str:
    return f"{_many(event.bytes, 'byte')} of its {event.stream} could not be passed on"


def _restart_scheduled(event: events.RestartScheduled, background: Background) -> str:
    when = f"in {of_seconds(event.delay)}" if event.delay else "now"
    above = background.above(event.path)
    window = getattr(above, "window", math.inf)
    within = "" if math.isinf(window) else f" in {window:g} s"
    return f"restarting {when} ({_many(event.restarts_left, 'restart')} left{within})"


def _supervisor_starting(event: events.SupervisorStarted, background: Background) -> str:
    children = getattr(background.at(event.path), "children", ())
    return f"starting {_many(len(children), 'child', 'children')}" if children else "starting"


def _supervisor_stopping(event: events.SupervisorStopping, _: Background) -> str:
    match event.why:
        case "asked":
            return "stopping; a second Ctrl-C kills what is left" if event.path == "." else "stopping"
        case "auto-shutdown":
            return "stopping, because a significant child has ended"
        case why:
            return f"stopping, because it {why}"


def _supervisor_exited(event: events.SupervisorExited, _: Background) -> str:
    words = of_exit(event.exit)
    has_failed = event.exit.code is not None or event.exit.signal is not None  # its significant child, that is
    return words.replace("ended well", "ended", 1) if has_failed else words


def _gave_up(event: events.SupervisorGaveUp, background: Background) -> str:
    spec = background.at(event.path)
    limit = ""
    if spec is not None and not isinstance(spec, ChildSpec):
        within = "" if math.isinf(spec.window) else f" in {spec.window:g} s"
        limit = f" (it tolerates {_many(spec.max_restarts, 'restart')}{within})"
    return f"gave up, because {event.culprit} {of_exit(event.exit)}{limit}"


def _resumed(event: events.ChildResumed | events.SupervisorResumed, _: Background) -> str:
    return f"resumed after {of_seconds(event.paused_for)}"


def _over(event: events.LimitWarned | events.LimitExceeded, _: Background) -> str:
    return f"{event.limit}: {amount(event.limit.measure, event.value)}"


def _idle(event: events.HangSuspected | events.ChildHung | events.ChildActive) -> str:
    last = f"; the last one was {event.source}" if event.source else ""
    return f"no sign of life for {of_seconds(event.idle)}{last}"


def _suspected(event: events.HangSuspected, _: Background) -> str:
    return f"seems to hang: {_idle(event)}"


def _hung(event: events.ChildHung, _: Background) -> str:
    did = "it has not ended, and is killed" if event.step == "kill" else "it is being ended"
    state = f" ({event.evidence.state})" if event.evidence is not None else ""
    return f"hangs{state}: {_idle(event)}; {did}"


def _source_failed(event: events.ActivityFailed, _: Background) -> str:
    again = f" ({event.count} times by now)" if event.count > 1 else ""
    return f"cannot say whether it lives: {event.source} {event.why}{again}"


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count} {one}" if count == 1 else f"{count} {more or f'{one}s'}"


_WORDS: dict[type[Event], Callable[[Any, Background], str]] = {
    events.ChildAdded: lambda event, _: "added",
    events.ChildDeleted: lambda event, _: "deleted",
    events.ChildForgotten: lambda event, _: "forgotten: it does not come back",
    events.ChildStarted: _started,
    events.ChildWaiting: lambda event, _: f"waiting for {event.waiting_for}",
    events.ChildRemarked: lambda event, _: event.text if event.is_answer else f"says: {event.text}",
    events.ChildReady: _ready,
    events.ChildStartFailed: lambda event, _: of_exit(event.exit),
    events.ChildStopping: lambda event, _: "stopping",
    events.ChildExited: _child_exited,
    events.ChildStuck: _stuck,
    events.ChildSignalled: _signalled,
    events.SurvivorEnded: lambda event, _: f"process {event.pid} had survived the last supervisor, and was ended",
    events.ChildOutput: lambda event, _: event.line,
    events.OutputMissed: _output_missed,
    events.ChildPaused: lambda event, _: "paused",
    events.ChildResumed: _resumed,
    events.SupervisorPaused: lambda event, _: "paused, with all that is below it",
    events.SupervisorResumed: _resumed,
    events.LimitWarned: _over,
    events.LimitExceeded: _over,
    events.HealthChanged: lambda event, _: f"{event.health}: {event.why}" if event.why else event.health.value,
    events.HangSuspected: _suspected,
    events.ChildHung: _hung,
    events.ChildActive: lambda event, _: f"shows signs of life again: {event.source}",
    events.ActivityFailed: _source_failed,
    events.WatchdogLate: lambda event, _: (
        f"we were held up for {of_seconds(event.by)}, so every child has its time again"
    ),
    events.RestartScheduled: _restart_scheduled,
    events.RestartCancelled: lambda event, _: "its restart is cancelled: it stays down",
    events.SupervisorStarted: _supervisor_starting,
    events.SupervisorReady: lambda event, _: "ready",
    events.SupervisorStopping: _supervisor_stopping,
    events.SupervisorExited: _supervisor_exited,
    events.SupervisorGaveUp: _gave_up,
    events.SpecApplied: lambda event, _: "has taken over a new spec",
    events.SinkRemoved: lambda event, _: f"its sink {event.sink} failed, and is called no more: {event.error}",
    events.EventsMissed: lambda event, _: f"{_many(event.count, 'event')} before this one were missed",
}

_TONES: dict[type[Event], Tone] = {
    events.ChildReady: Tone.GOOD,
    events.SupervisorReady: Tone.GOOD,
    events.ChildStuck: Tone.BAD,
    events.SinkRemoved: Tone.BAD,
    events.OutputMissed: Tone.CAREFUL,
    events.SurvivorEnded: Tone.CAREFUL,
    events.HangSuspected: Tone.CAREFUL,
    events.ChildHung: Tone.BAD,
    events.ChildActive: Tone.GOOD,
    events.ActivityFailed: Tone.CAREFUL,
    events.WatchdogLate: Tone.CAREFUL,
    events.RestartScheduled: Tone.CAREFUL,
    events.LimitWarned: Tone.CAREFUL,
    events.LimitExceeded: Tone.BAD,
}
