"""Events in the application's own log: structlog's if that is configured, else the standard library's; never stdout."""

import logging

import pytest
import structlog
from structlog.testing import capture_logs

from regrow import ChildSpec, Exit, Reason, SupervisorSpec, open_supervisor
from regrow._sinks.log import LogSink, facts, level, name
from regrow.abc import Evidence, Stream
from regrow.events import (
    ChildExited,
    ChildHung,
    ChildOutput,
    ChildReady,
    ChildStarted,
    ChildStuck,
    HangSuspected,
    RestartScheduled,
    SupervisorGaveUp,
)
from regrow.testing import FakeLauncher

CRASH = Exit(Reason.CRASHED, code=3, pid=47, tail=("no licence found",))
TREE = SupervisorSpec(name="app", children=[ChildSpec(name="a", command=["x"])])


@pytest.fixture(autouse=True)
def unconfigured():
    """structlog as an application finds it, and leaves it to the next test."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


async def crash_once():
    """Run a tree, with the default sinks, whose child crashes once."""
    launcher = FakeLauncher()
    async with open_supervisor(TREE, launcher=launcher) as supervisor:
        events = supervisor.events()
        launcher.newest("a").exit(3)
        async for event in events:
            if event == ChildReady("a", 2):
                break


async def test_unconfigured_it_prints_nothing(capfd):
    await crash_once()
    assert capfd.readouterr() == ("", "")


async def test_unconfigured_the_standard_logger_is_told(caplog):
    with caplog.at_level(logging.INFO, logger="regrow"):
        await crash_once()
    record = next(record for record in caplog.records if record.getMessage() == "child_exited")
    assert (record.name, record.levelname) == ("regrow", "WARNING")
    assert (record.path, record.reason, record.incarnation) == ("a", "crashed", 1)


async def test_unconfigured_the_standard_logger_decides_what_is_loud_enough(caplog):
    with caplog.at_level(logging.WARNING, logger="regrow"):
        await crash_once()
    assert [record.getMessage() for record in caplog.records] == ["child_exited", "restart_scheduled"]


async def test_configured_structlog_is_told_and_keeps_its_configuration():
    structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()])
    before = structlog.get_config()
    with capture_logs() as logs:
        await crash_once()
    assert structlog.get_config() == before
    crash = next(log for log in logs if log["event"] == "child_exited" and log["reason"] == "crashed")
    assert crash == {
        "event": "child_exited",
        "log_level": "warning",
        "path": "a",
        "seq": crash["seq"],
        "incarnation": 1,
        "reason": "crashed",
        "code": 3,
        "pid": crash["pid"],
    }
    assert [log["seq"] for log in logs] == list(range(1, len(logs) + 1))


def test_a_configuration_that_comes_later_is_used_from_then_on(caplog):
    sink = LogSink()
    sink(ChildReady("a", 1))
    structlog.configure()
    with capture_logs() as logs:
        sink(ChildReady("b", 1))
    assert [log["path"] for log in logs] == ["b"]


@pytest.mark.parametrize(
    ("event", "words", "loudness"),
    [
        (ChildStarted("a", 1, 47), "child_started", "info"),
        (ChildExited("a", 1, Exit(Reason.STOPPED)), "child_exited", "info"),
        (ChildExited("a", 1, CRASH), "child_exited", "warning"),
        (RestartScheduled("a", 0.0, 1, 2), "restart_scheduled", "warning"),
        (ChildStuck("a", 1, 47), "child_stuck", "error"),
        (SupervisorGaveUp(".", 1, "a", CRASH), "supervisor_gave_up", "error"),
        (ChildOutput("a", 1, Stream.STDOUT, "hello"), "child_output", "debug"),
    ],
)
def test_what_an_event_is_called_and_how_loud_it_is(event, words, loudness):
    assert (name(event), level(event)) == (words, loudness)


def test_the_facts_of_an_exit_are_flat_and_only_those_that_there_are():
    assert facts(ChildExited("a", 1, CRASH)) == {
        "incarnation": 1,
        "reason": "crashed",
        "code": 3,
        "pid": 47,
        "tail": ["no licence found"],
    }


@pytest.mark.parametrize(
    ("loud_enough", "said"), [("WARNING", ["hang_suspected", "child_hung"]), ("ERROR", ["child_hung"])]
)
def test_the_watchdog_has_a_logger_of_its_own(loud_enough, said, caplog):
    evidence = Evidence(state="sleeping", waits_in="futex_wait", stack="line 7")
    with caplog.at_level(loud_enough, logger="regrow.watchdog"):
        LogSink()(HangSuspected("web", 1, 30.0, "output"))
        LogSink()(ChildHung("web", 1, 35.0, "output", "terminate", evidence))
    assert [record.getMessage() for record in caplog.records] == said
    last = caplog.records[-1]
    assert (last.name, last.levelname, last.state, last.stack) == ("regrow.watchdog", "ERROR", "sleeping", "line 7")
