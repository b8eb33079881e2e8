"""What is counted: how often what has happened to each path, and below it."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow._decisions.statistics import Counters
from regrow._specs import event as events
from regrow._specs.exit import Exit, Reason
from regrow._specs.status import Statistics

PATHS = st.sampled_from(["a", "ab", "sub", "sub/x", "sub/y", "sub/deep/z"])
COUNTED = {
    "launches": lambda path: events.ChildStarted(path, 1),
    "ready": lambda path: events.ChildReady(path, 1),
    "starts_failed": lambda path: events.ChildStartFailed(path, 1, Exit(Reason.FAILED_TO_START)),
    "restarts": lambda path: events.RestartScheduled(path, 0.0, 1, 3),
    "stuck": lambda path: events.ChildStuck(path, 1),
    "gave_up": lambda path: events.SupervisorGaveUp(path, 1, f"{path}/x", Exit(Reason.CRASHED)),
}


def counters(*happened: events.Event) -> Counters:
    found = Counters()
    for event in happened:
        found.add(event)
    return found


@pytest.mark.parametrize("name", COUNTED)
def test_each_of_these_events_counts_once(name):
    event = COUNTED[name]("sub/x")
    assert counters(event, event).below("sub/x", 0) == Statistics(**{name: 2})


@given(st.lists(st.tuples(st.sampled_from(sorted(COUNTED)), PATHS)), PATHS)
def test_the_numbers_of_a_supervisor_are_those_of_all_below_it(happened, path):
    found = counters(*(COUNTED[name](where) for name, where in happened))
    below = Counter(name for name, where in happened if where == path or where.startswith(f"{path}/"))
    assert found.below(path, 3) == Statistics(running=3, **below)
    assert found.below(".", 0) == Statistics(**Counter(name for name, _ in happened))


@pytest.mark.parametrize("reason", Reason)
def test_an_exit_is_a_crash_if_it_is_abnormal_and_a_stop_if_we_asked_for_it(reason):
    found = counters(events.ChildExited("a", 1, Exit(reason))).below("a", 0)
    assert found == Statistics(exits=1, crashes=int(reason.is_abnormal), stops=int(reason is Reason.STOPPED))


def test_a_stop_that_took_the_kill_is_counted():
    exit = Exit(Reason.STOPPED, signal="SIGKILL", killed=True)
    assert counters(events.ChildExited("a", 1, exit)).below(".", 0) == Statistics(exits=1, stops=1, kills=1)


@pytest.mark.parametrize("gone", [events.ChildForgotten, events.ChildDeleted])
@pytest.mark.parametrize(("path", "parent"), [("a", "."), ("sub/x", "sub"), ("sub", ".")])
def test_what_is_forgotten_goes_on_counting_for_its_supervisor(gone, path, parent):
    found = counters(COUNTED["ready"](path), COUNTED["ready"](f"{path}/below"), gone(path))
    assert found.below(path, 0) == Statistics()
    assert found.below(parent, 0) == Statistics(ready=2)
    assert found.below(".", 0) == Statistics(ready=2)


def test_a_child_whose_name_only_begins_alike_is_not_below():
    found = counters(COUNTED["ready"]("ab"), COUNTED["ready"]("a"), events.ChildForgotten("a"))
    assert found.below("ab", 0) == Statistics(ready=1)


def test_other_events_count_nothing():
    assert counters(events.SpecApplied("."), events.ChildStopping("a", 1)).below(".", 0) == Statistics()
