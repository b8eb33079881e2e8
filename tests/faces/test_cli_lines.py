"""What each event looks like: plain functions of events, so no process is needed."""

import json
import re
from typing import Any

import pytest

from regrow import ChildSpec, DynamicSpec, Exit, Health, OutputPolicy, Reason, SupervisorSpec
from regrow import events as all_events
from regrow._cli.run import announcing_output
from regrow._sinks.json_lines import JsonFormat
from regrow._sinks.text import TextFormat
from regrow._sinks.words import Background, Tone, describe, of_seconds, tone
from regrow._specs.event import Event
from regrow.abc import Evidence, Stream
from regrow.events import (
    ActivityFailed,
    ChildActive,
    ChildExited,
    ChildHung,
    ChildOutput,
    ChildReady,
    ChildRemarked,
    ChildResumed,
    ChildSignalled,
    ChildStarted,
    ChildStartFailed,
    ChildStopping,
    ChildStuck,
    ChildWaiting,
    HangSuspected,
    HealthChanged,
    LimitExceeded,
    LimitWarned,
    OutputMissed,
    RestartScheduled,
    SupervisorExited,
    SupervisorGaveUp,
    SupervisorStarted,
    SupervisorStopping,
    WatchdogLate,
)
from regrow.limits import RestartAbove, WarnAbove
from regrow.readiness import Completes, TcpPort

CLOCK = re.compile(r"\A\d\d:\d\d:\d\d\.\d{3}  ")
CRASH = Exit(Reason.CRASHED, signal="SIGKILL", ran_for=4.2)

TREE = SupervisorSpec(
    name="app",
    children=[
        ChildSpec(name="prepare", command=["x"], restart="transient", ready=Completes()),
        ChildSpec(name="web", command=["x"], ready=TcpPort(8000)),
        ChildSpec(name="once", command=["x"], restart="temporary"),
        DynamicSpec(name="pool", template=ChildSpec(name="w", command=["x"]), window=float("inf")),
    ],
)


def printed(*events, **settings):
    look = TextFormat(TREE, **settings)
    lines = [line for event in events for line in look.lines(event)]
    return [(stream.value, CLOCK.sub("", line)) for stream, line in [*lines, *look.rest()]]


def said(*events, **settings):
    return [line for _, line in printed(*events, **settings)]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (ChildStuck("a", 1, 47), "stuck: process 47 is still there after the kill; nothing replaces it while it lives"),
        (ChildStuck("web", 1, 47, "out of reach: x"), "stuck: out of reach: x; nothing replaces it while it lives"),
        (ChildSignalled("web", 1, "SIGHUP"), "was sent SIGHUP"),
        (ChildSignalled("web", 1, "SIGHUP", "group"), "was sent SIGHUP, with its group"),
        (ChildSignalled("web", 1, "SIGHUP", "tree"), "was sent SIGHUP, with its whole tree"),
        (ChildStarted("web", 1, 47), "started (pid 47), waiting for TCP port 127.0.0.1:8000"),
        (ChildStarted("web", 2, 47), "started again (pid 47), waiting for TCP port 127.0.0.1:8000"),
        (ChildStarted("pool/w-1", 1, 47), "started (pid 47)"),
        (ChildExited("prepare", 1, Exit(Reason.NORMAL, code=0, ran_for=0.5)), "completed after 0.50 s"),
        (ChildExited("once", 1, Exit(Reason.NORMAL, code=0, ran_for=75)), "ended well after 75 s"),
        (ChildExited("once", 1, Exit(Reason.NORMAL, code=3)), "ended well (exit code 3)"),
        (ChildExited("web", 1, CRASH), "crashed (SIGKILL) after 4.20 s"),
        (
            ChildExited("web", 1, Exit(Reason.STOPPED, signal="SIGKILL", ran_for=7200, killed=True, strays=2)),
            "stopped (SIGKILL) after 2 h, it had to be killed, and 2 strays with it",
        ),
        (
            ChildStartFailed("web", 1, Exit(Reason.FAILED_TO_START, code=1, ran_for=0.003, why="it was not ready")),
            "failed to start (exit code 1) after 3 ms: it was not ready",
        ),
        (OutputMissed("web", 1, Stream.STDOUT, 1), "1 byte of its stdout could not be passed on"),
        (LimitWarned("web", 1, WarnAbove(memory="1G"), 3 * 2**30), "memory above 1 GiB: 3 GiB"),
        (
            LimitExceeded("web", 1, RestartAbove(cpu=0.5, for_=9), 0.75),
            "cpu above 0.5 of a core for 9 s: 0.75 of a core",
        ),
        (HealthChanged("web", "degraded", "idle for 3 s"), "degraded: idle for 3 s"),
        (HealthChanged("web", Health.HEALTHY), "healthy"),
        (ChildResumed("web", 1, 75), "resumed after 75 s"),
        (HangSuspected("web", 1, 30, ""), "seems to hang: no sign of life for 30 s"),
        (ChildActive("web", 1, 0, "output"), "shows signs of life again: output"),
        (
            ChildHung("web", 1, 35, "heartbeat", "terminate", Evidence(state="stopped")),
            "hangs (stopped): no sign of life for 35 s; the last one was heartbeat; it is being ended",
        ),
        (
            ChildHung("web", 1, 60, "", "kill"),
            "hangs: no sign of life for 60 s; it has not ended, and is killed",
        ),
        (ActivityFailed("web", 1, "callback f", "raised X"), "cannot say whether it lives: callback f raised X"),
        (
            ActivityFailed("web", 1, "callback f", "raised X", 3),
            "cannot say whether it lives: callback f raised X (3 times by now)",
        ),
        (WatchdogLate(".", 2), "we were held up for 2.00 s, so every child has its time again"),
        (RestartScheduled("web", 0, 1, 2), "restarting now (2 restarts left in 5 s)"),
        (RestartScheduled("web", 0.42, 2, 1), "restarting in 0.42 s (1 restart left in 5 s)"),
        (RestartScheduled("pool/w-1", 0, 1, 2), "restarting now (2 restarts left)"),
        (SupervisorStarted(".", 1), "starting 4 children"),
        (SupervisorStarted("pool", 1), "starting"),
        (SupervisorStopping("pool", 1, "asked"), "stopping"),
        (SupervisorStopping(".", 1, "asked"), "stopping; a second Ctrl-C kills what is left"),
        (SupervisorStopping(".", 1, "gave up"), "stopping, because it gave up"),
        (SupervisorStopping(".", 1, "auto-shutdown"), "stopping, because a significant child has ended"),
        (SupervisorExited(".", 1, Exit(Reason.NORMAL)), "ended well"),
        (SupervisorExited(".", 1, Exit(Reason.NORMAL, code=7)), "ended (exit code 7)"),
        (SupervisorExited(".", 1, Exit(Reason.GAVE_UP, error=ValueError("a long story"))), "gave up"),
        (
            SupervisorGaveUp(".", 1, "web", CRASH),
            "gave up, because web crashed (SIGKILL) after 4.20 s (it tolerates 3 restarts in 5 s)",
        ),
    ],
)
def test_an_event_in_words(event, words):
    assert describe(event, Background(TREE)) == words


def test_every_event_has_words_and_a_tone_and_a_json_line():
    values = {"path": "web", "exit": CRASH, "stream": Stream.STDOUT, "to": "main", "limit": WarnAbove(threads=3)}
    values["evidence"] = Evidence(state="sleeping")
    assert {kind.__name__ for kind in Event.__subclasses__()} <= set(vars(all_events))
    # Not the subclasses themselves: of each, the one that attrs has replaced may not be collected yet.
    kinds: list[Any] = [
        kind for kind in vars(all_events).values() if isinstance(kind, type) and Event in kind.__bases__
    ]
    for kind in kinds:
        fields = [field.name for field in kind.__attrs_attrs__ if not field.kw_only]
        event = kind(*(values.get(name, 3) for name in fields))
        assert describe(event, Background(TREE)) or kind is ChildOutput
        assert tone(event) in Tone
        [(_, line)] = JsonFormat().lines(event)
        assert json.loads(line)["path"] == "web"


def test_the_pid_is_said_again_when_a_child_is_ready():
    assert said(ChildStarted("web", 1, 47), ChildReady("web", 1, 0.31))[1] == "web       ready after 0.31 s (pid 47)"


def test_a_crash_and_its_restart_are_one_line():
    [line] = said(ChildExited("web", 1, CRASH), RestartScheduled("web", 0, 1, 2))
    assert line == "web       crashed (SIGKILL) after 4.20 s, restarting now (2 restarts left in 5 s)"


def test_a_crash_waits_for_no_restart_that_may_not_come():
    assert said(ChildExited("once", 1, CRASH)) == ["once      crashed (SIGKILL) after 4.20 s"]
    assert said(ChildExited("web", 1, CRASH), SupervisorGaveUp(".", 1, "web", CRASH))[0].startswith("web       crashed")
    assert said(ChildExited("web", 1, CRASH), ChildExited("pool/w", 1, CRASH)) == [
        "web       crashed (SIGKILL) after 4.20 s",
        "pool/w    crashed (SIGKILL) after 4.20 s",
    ]


def test_a_line_of_a_child_goes_where_the_child_printed_it():
    assert printed(ChildOutput("web", 1, Stream.STDOUT, "GET /")) == [("stdout", "web      | GET /")]
    assert printed(ChildOutput("web", 1, Stream.STDERR, "oh")) == [("stderr", "web      | oh")]


def test_minor_events_are_for_those_who_want_them():
    events = [ChildReady("once", 1, 0.0), ChildStopping("web", 1), SupervisorStarted("pool", 1)]
    assert said(*events) == []
    assert len(said(*events, is_verbose=True)) == 3


def test_the_colors_of_a_child_do_not_run_on():
    both = frozenset(Stream)
    [(_, line)] = TextFormat(TREE, colored=both).lines(ChildOutput("web", 1, Stream.STDOUT, "\x1b[31mred"))
    assert line.endswith("\x1b[31mred\x1b[0m")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.099, "99 ms"),
        (0.0999, "0.10 s"),
        (9.99, "9.99 s"),
        (42.4, "42 s"),
        (150, "2 min"),
        (7000, "2 h"),
        (1e6, "12 days"),
    ],
)
def test_a_duration_in_words(seconds, words):
    assert of_seconds(seconds) == words


def test_only_output_that_is_inherited_is_announced_instead():
    def spec(to):
        inherit = ChildSpec(name="i", command=["x"], output=OutputPolicy(to=to, tail_lines=7))
        discard = ChildSpec(name="d", command=["x"], output="discard")
        pool = DynamicSpec(name="pool", template=inherit)
        empty = DynamicSpec(name="empty")
        return SupervisorSpec(name="app", children=[inherit, discard, pool, empty])

    assert announcing_output(spec("inherit")) == spec("events")


def test_what_is_waited_for_is_said_when_it_is_more_than_the_start_has_said():
    whole = "TCP port 127.0.0.1:8000"
    events = [
        ChildStarted("web", 1, 47),
        ChildWaiting("web", 1, whole),
        ChildWaiting("web", 1, f"{whole} (a stranger)"),
    ]
    assert said(*events) == [
        f"web       started (pid 47), waiting for {whole}",
        f"web       waiting for {whole} (a stranger)",
    ]


def test_a_child_is_told_from_its_launcher():
    assert said(
        ChildRemarked("web", 1, "serving"), ChildRemarked("web", 1, "FDSTORE=1 is not done", is_answer=True)
    ) == [
        "web       says: serving",
        "web       FDSTORE=1 is not done",
    ]


def test_a_limit_is_words_in_json_too():
    [(_, line)] = JsonFormat().lines(LimitWarned("web", 1, WarnAbove(memory="1G", for_=5), 2**31))
    found = json.loads(line)
    assert (found["limit"], found["value"], found["level"]) == ("memory above 1 GiB for 5 s", 2**31, "warning")
