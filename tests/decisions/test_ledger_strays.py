"""SEMANTICS sections 3 and 8: a child that ended by itself, but whose strays are still there after the kill."""

from __future__ import annotations

import pytest
from tests.decisions.slow import Slow, booted, opened
from tests.decisions.trees import GROUPS, child, dynamic, tree

from regrow._decisions.calls import DeleteChild, RestartChild, StartChild, StartNamed, StopChild
from regrow._specs.exit import Reason

STRATEGIES = ["one_for_one", *GROUPS]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_nothing_is_decided_while_it_is_stuck(strategy):
    world = booted("a b", strategy=strategy)
    world.left_something("a")
    assert world.take() == []
    assert world.states() == "a stuck, b ready"


@pytest.mark.parametrize(("strategy", "stops"), [("one_for_one", []), *((group, ["stop b"]) for group in GROUPS)])
def test_when_all_of_it_is_gone_its_end_is_decided_as_any_other(strategy, stops):
    world = booted("a b", strategy=strategy, max_restarts=1)
    world.left_something("a")
    world.ended("a")
    world.settle()
    starts = ["start a", "start b"] if stops else ["start a"]
    assert world.take() == ["restart a", *stops, *starts]
    assert world.states() == "a ready, b ready"
    assert world.top.ledger.budget.left(0.0) == 0


def test_it_may_be_one_end_too_many():
    world = booted("a b", max_restarts=0)
    world.left_something("a")
    world.ended("a")
    assert world.take()[:2] == ["ending .: gave_up", "stop b"]


@pytest.mark.parametrize(
    ("restart", "reason", "states"),
    [("transient", Reason.NORMAL, "a down"), ("temporary", Reason.CRASHED, ""), ("transient", Reason.LOST, "a ready")],
)
def test_what_becomes_of_it_depends_on_how_it_ended(restart, reason, states):
    world = booted(child("a", restart))
    world.left_something("a")
    world.ended("a", reason)
    world.settle()
    assert world.states() == states


def test_one_of_a_dynamic_supervisor_is_forgotten_if_it_does_not_come_back():
    world = opened(dynamic("transient"))
    world.ask(StartChild(child("a", "transient")))
    world.settle()
    world.left_something("a")
    world.ended("a", Reason.NORMAL)
    assert world.states() == ""


def test_a_significant_one_ends_its_supervisor_only_when_all_of_it_is_gone():
    world = booted(child("a", "transient", significant=True), "b", auto_shutdown="any_significant")
    world.left_something("a")
    assert world.take() == []
    world.ended("a", Reason.NORMAL)
    assert world.take() == ["ending .: normal", "stop b"]


def test_calls_say_that_it_is_stuck_and_nothing_replaces_it():
    world = booted("a b")
    world.left_something("a")
    assert world.ask(RestartChild("a")).answer == "stuck"
    assert world.ask(StartNamed("a")).answer == "already_stuck"
    assert world.ask(DeleteChild("a")).answer == "stuck"
    assert world.take() == ["answer stuck", "answer already_stuck", "answer stuck"]
    world.ended("a")  # nobody has said that it is not to come back
    world.settle()
    assert world.states() == "a ready, b ready"


def test_an_order_to_stop_it_holds_when_it_is_gone():
    world = booted("a b")
    world.left_something("a")
    assert world.ask(StopChild("a")).answer == "stuck"
    world.take()
    world.ended("a")
    assert world.take() == []
    assert world.states() == "a down, b ready"


def test_a_temporary_one_that_was_to_be_stopped_is_forgotten_when_it_is_gone():
    world = booted(child("a", "temporary"))
    world.left_something("a")
    assert world.ask(StopChild("a")).answer == "stuck"
    world.ended("a")
    assert world.states() == ""


def test_an_order_to_stop_that_comes_just_before_is_answered():
    world = booted("a")
    asked = world.ask(StopChild("a"))
    world.still_there("a")
    assert asked.answer == "stuck"
    world.stopped("a")
    assert world.states() == "a down"


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_group_restart_passes_it_over_and_swallows_its_end(strategy):
    world = booted("a b c", strategy=strategy, max_restarts=1)
    world.left_something("b")
    world.ended("a")
    world.settle()
    assert world.take() == ["restart a", "stop c", "start a", "start c"]
    assert world.states() == "a ready, b stuck, c ready"
    world.ended("b")
    world.settle()
    assert world.take() == ["start b"]
    assert world.states() == "a ready, b ready, c ready"
    assert world.top.ledger.budget.left(0.0) == 0


def test_those_before_it_are_no_business_of_its_end():
    world = booted("a b c", strategy="rest_for_one")
    world.left_something("a")
    world.ended("b")
    world.settle()
    world.take()
    world.ended("a")
    world.settle()
    assert world.take() == ["restart a", "stop c", "stop b", "start a", "start b", "start c"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_stop_of_all_passes_it_over(strategy):
    world = booted("a b c", strategy=strategy)
    world.left_something("b")
    world.shut_down()
    world.settle()
    assert world.take() == ["ending .: stopped", "stop c", "stop a", "end .: stopped"]


def test_it_may_be_gone_before_its_turn_to_be_stopped_comes():
    world = booted("a b")
    world.left_something("a")
    world.shut_down()
    world.ended("a")
    world.settle()
    assert world.take() == ["ending .: stopped", "stop b", "end .: stopped"]


@pytest.mark.parametrize("strategy", GROUPS)
def test_the_turn_of_a_bystander_is_passed_over_that_became_stuck_meanwhile(strategy):
    world = booted("a b c", strategy=strategy)
    world.ended("a")
    world.take()
    world.left_something("b")  # c is being stopped
    assert world.take() == []
    world.settle()
    assert world.take() == ["start a", "start c"]
    assert world.states() == "a ready, b stuck, c ready"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_during_the_boot_it_stays_a_member_of_the_boot(strategy):
    world = Slow(tree("a b", strategy=strategy))
    world.boot("a")
    world.left_something("a")
    world.take()
    world.ready("b")
    assert world.take() == ["booted ."]
    world.ended("a")
    world.settle()
    assert world.states() == "a ready, b ready"


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_temporary_bystander_that_became_stuck_meanwhile_stays_until_its_turn(strategy):
    world = booted("a", child("b", "temporary"), "c", strategy=strategy)
    world.ended("a")
    world.take()
    world.left_something("b")  # c is being stopped
    world.ended("b")
    assert world.take() == []
    world.settle()
    assert world.take() == ["forget b", "start a", "start c"]
