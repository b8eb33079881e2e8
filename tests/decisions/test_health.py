"""How a child is, and a tree."""

from __future__ import annotations

import itertools

import pytest

from regrow import ChildStatus, Exit, Health, Reason, State, SupervisorStatus
from regrow._decisions.health import Condition, health, of_tree, worst

CRASHED, STOPPED, DONE = Exit(Reason.CRASHED, code=1), Exit(Reason.STOPPED), Exit(Reason.NORMAL, code=0)


def of(state, **known):
    return health(Condition(**{"state": state, "is_judged": True, **known}))


def test_what_is_judged_and_has_nothing_wrong_is_healthy():
    assert of(State.READY) == (Health.HEALTHY, "")


def test_of_what_nothing_judges_nobody_knows():
    assert of(State.READY, is_judged=False) == (Health.UNKNOWN, "nothing judges it")


@pytest.mark.parametrize("state", [State.STARTING, State.PAUSED, State.STOPPING])
def test_what_is_between_is_not_known(state):
    assert of(state) == (Health.UNKNOWN, f"it is {state}")


def test_what_was_warned_of_is_degraded():
    assert of(State.READY, concerns=("idle", "near")) == (Health.DEGRADED, "idle; near")
    assert of(State.READY, concerns=("idle",), is_judged=False)[0] is Health.DEGRADED


@pytest.mark.parametrize("state", State)
def test_what_a_policy_ends_is_unhealthy(state):
    assert of(state, trouble="hung", concerns=("idle",)) == (Health.UNHEALTHY, "hung")


def test_what_is_stuck_is_unhealthy():
    assert of(State.STUCK)[0] is Health.UNHEALTHY


@pytest.mark.parametrize("exit", [None, CRASHED, DONE])
def test_what_is_due_for_restart_is_down_although_it_should_be_up(exit):
    assert of(State.RESTARTING, last_exit=exit)[0] is Health.UNHEALTHY


def test_what_is_down_is_unhealthy_after_a_bad_end():
    assert of(State.DOWN, last_exit=CRASHED) == (Health.UNHEALTHY, "it is down: crashed (exit code 1)")
    for exit in (None, STOPPED, DONE):
        assert of(State.DOWN, last_exit=exit)[0] is Health.UNKNOWN


# -- worst of ----------------------------------------------------------------------------------------------------------

ORDER = [Health.HEALTHY, Health.UNKNOWN, Health.DEGRADED, Health.UNHEALTHY]


@pytest.mark.parametrize("some", [c for n in (1, 2, 3, 4) for c in itertools.permutations(ORDER, n)])
def test_the_worst_counts(some):
    assert worst(some) is max(some, key=ORDER.index)


def test_of_none_nobody_knows():
    assert worst([]) is Health.UNKNOWN


def child(health=Health.HEALTHY, state=State.READY):
    return ChildStatus(path="c", name="c", state=state, health=health)


def tree(*children, state=State.READY):
    return SupervisorStatus(
        path=".", name="s", state=state, strategy="one_for_one", children=children, health=of_tree(children)
    )


def test_a_tree_is_as_its_worst_child_however_deep():
    assert tree(child(), tree(child(), tree(child(Health.DEGRADED)))).health is Health.DEGRADED
    assert tree(child(), child(Health.UNKNOWN)).health is Health.UNKNOWN
    assert tree(child(), child()).health is Health.HEALTHY


@pytest.mark.parametrize("state", [State.DOWN, State.STOPPING])
def test_who_is_down_for_good_does_not_count(state):
    assert tree(child(), child(Health.UNKNOWN, state)).health is Health.HEALTHY
    assert tree(child(), tree(child(Health.UNKNOWN, state))).health is Health.HEALTHY
    assert tree(child(), child(Health.UNHEALTHY, State.DOWN)).health is Health.UNHEALTHY


def test_a_supervisor_without_children_does_not_count():
    assert tree().health is Health.UNKNOWN
    assert tree(child(), tree()).health is Health.HEALTHY


def test_a_paused_child_counts():
    assert tree(child(), child(Health.UNKNOWN, State.PAUSED)).health is Health.UNKNOWN
