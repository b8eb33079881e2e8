"""SEMANTICS section 10: a supervisor is not deaf. Only what concerns the same child, or its group, waits."""

from __future__ import annotations

import pytest
from tests.decisions.slow import booted
from tests.decisions.trees import GROUPS, child

from regrow._decisions.calls import DeleteChild, RestartChild, StartChild, StartNamed, StopChild
from regrow._specs.backoff import Backoff

STRATEGIES = ["one_for_one", *GROUPS]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("busy", [RestartChild("a"), StopChild("a")])
def test_calls_on_other_children_are_answered_while_one_takes_its_time(strategy, busy):
    world = booted("a b c", strategy=strategy)
    world.ask(busy)
    asked = world.ask(StopChild("b"))
    world.stopped("b")
    assert asked.answer == "ok"
    assert world.ask(DeleteChild("b")).answer == "ok"
    assert world.ask(DeleteChild("c")).answer == "running"
    asked = world.ask(StartChild(child("d")))
    world.ready("d")
    assert asked.answer == "ok"


def test_independent_crashes_are_served_while_one_takes_its_time():
    world = booted("a b c")
    world.ended("a")
    world.take()
    world.ended("b")
    assert world.take() == ["restart b", "start b"]


def test_under_rest_for_one_a_crash_behind_a_busy_child_is_served():
    world = booted("a b c", strategy="rest_for_one")
    world.ask(RestartChild("a"))
    world.take()
    world.ended("b")
    assert world.take() == ["restart b", "stop c"]


@pytest.mark.parametrize(("strategy", "crashed"), [("rest_for_one", "a"), ("one_for_all", "c")])
def test_a_group_restart_waits_for_a_call_on_one_of_the_group(strategy, crashed):
    world = booted("a b c", strategy=strategy)
    asked = world.ask(RestartChild("b"))
    world.take()
    world.ended(crashed)
    assert world.take() == []
    world.stopped("b")
    assert world.take() == ["start b"]
    world.ready("b")
    assert asked.answer == "ok"
    assert f"restart {crashed}" in world.take()


def test_a_temporary_child_that_ends_during_somebody_elses_restart_is_forgotten_at_once():
    world = booted("a", child("t", "temporary"), strategy="rest_for_one")
    world.ask(RestartChild("a"))
    world.take()
    world.ended("t")
    assert world.take() == ["forget t"]


@pytest.mark.parametrize("strategy", GROUPS)
def test_calls_on_the_group_that_is_restarted_wait_and_are_decided_as_if_they_came_afterwards(strategy):
    world = booted("a b c", strategy=strategy)
    world.ended("a")
    delete, start = world.ask(DeleteChild("b")), world.ask(StartNamed("b"))
    assert delete.answer is None
    assert start.answer is None
    world.settle()
    assert [delete.answer, start.answer] == ["running", "already_running"]


def test_what_waits_is_decided_in_the_order_of_arrival():
    world = booted("a b")
    world.ask(RestartChild("a"))
    requests = [DeleteChild("a"), RestartChild("a"), DeleteChild("a"), StartNamed("a")]
    asked = [world.ask(request) for request in requests]
    world.settle()
    assert [one.answer for one in asked] == ["running", "ok", "running", "already_running"]


@pytest.mark.parametrize("strategy", GROUPS)
def test_nothing_overtakes_what_waits_for_the_same_group(strategy):
    world = booted("a b c", strategy=strategy)
    world.ask(RestartChild("c"))
    world.ended("a")  # waits for c
    asked = world.ask(DeleteChild("b"))  # would be free, but b is about to be restarted
    assert asked.answer is None
    world.settle()
    assert asked.answer == "running"
    assert world.states() == "a ready, b ready, c ready"


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_backoff_that_is_over_waits_for_a_call_on_one_of_the_group(strategy):
    world = booted(child("a", backoff=Backoff(immediate=0)), "b", strategy=strategy)
    world.ended("a")
    world.let_stop()
    world.ask(StartNamed("b"))
    world.take()
    world.due()
    assert world.take() == []
    world.ready("b")
    assert world.take() == ["answer ok", "stop b"]
