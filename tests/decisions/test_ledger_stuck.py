"""SEMANTICS section 8: what is still there after the kill is stuck, and the rest goes on."""

from __future__ import annotations

import pytest
from tests.decisions.slow import Slow, booted
from tests.decisions.trees import GROUPS, child, tree

from regrow._decisions.calls import DeleteChild, RestartChild, StartChild, StartNamed, StopChild
from regrow._specs.backoff import Backoff
from regrow._specs.exit import Reason

STRATEGIES = ["one_for_one", *GROUPS]


def test_a_stuck_child_is_passed_over_and_the_rest_goes_on():
    world = booted("a b c")
    world.shut_down()
    world.still_there("c")
    world.settle()
    assert world.take() == ["ending .: stopped", "stop c", "stop b", "stop a", "end .: stopped"]
    assert world.top.exit.reason is Reason.STOPPED


def test_stop_child_of_a_stuck_child_says_so():
    world = booted("a b")
    asked = world.ask(StopChild("a"))
    world.still_there("a")
    assert asked.answer == "stuck"
    assert world.state("a") == "stuck"
    assert world.ask(StopChild("a")).answer == "stuck"


def test_no_replacement_starts_while_it_lives():
    world = booted("a")
    asked = world.ask(RestartChild("a"))
    world.still_there("a")
    assert asked.answer == "stuck"
    assert world.ask(StartNamed("a")).answer == "already_stuck"
    assert world.ask(RestartChild("a")).answer == "stuck"
    assert world.ask(DeleteChild("a")).answer == "stuck"
    assert "start a" not in world.take()


def test_when_it_is_gone_at_last_it_is_down():
    world = booted("a")
    world.ask(StopChild("a"))
    world.still_there("a")
    world.stopped("a")
    assert world.states() == "a down"
    world.ask(StartNamed("a"))
    world.ready("a")
    assert world.states() == "a ready"


def test_a_temporary_one_is_forgotten_then():
    world = booted(child("a", "temporary"))
    world.ask(StopChild("a"))
    world.still_there("a")
    assert world.states() == "a stuck"
    world.take()
    world.stopped("a")
    assert world.take() == ["forget a"]


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_group_restart_goes_on_without_it_and_it_follows_when_it_is_gone(strategy):
    world = booted("a b c", strategy=strategy, max_restarts=1)
    world.ended("a")
    world.stopped("c")
    world.still_there("b")
    world.let_start()
    assert world.take() == ["restart a", "stop c", "stop b", "start a", "start c"]
    assert world.states() == "a ready, b stuck, c ready"
    world.stopped("b")
    world.let_start()
    assert world.take() == ["start b"]
    assert world.states() == "a ready, b ready, c ready"
    assert world.top.ledger.budget.left(0.0) == 0


def test_its_return_waits_for_a_group_restart_that_is_under_way():
    world = booted("a b", strategy="one_for_all")
    world.ended("a")
    world.still_there("b")
    world.ready("a")
    world.ended("a")
    world.stopped("b")
    world.let_start()
    assert world.states() == "a ready, b ready"


def test_a_return_that_was_overtaken_does_nothing():
    world = booted("a b", strategy="one_for_all")
    world.ended("a")
    world.still_there("b")
    world.stopped("b")  # a is starting
    asked = world.ask(RestartChild("b"))
    world.settle()
    assert asked.answer == "ok"
    assert world.states() == "a ready, b ready"


def test_an_order_to_stop_it_holds_when_it_is_gone():
    world = booted("a b", strategy="one_for_all")
    world.ended("a")
    world.still_there("b")
    world.ready("a")
    assert world.ask(StopChild("b")).answer == "stuck"
    world.stopped("b")
    world.settle()
    assert world.states() == "a ready, b down"


def test_a_stuck_child_in_a_second_group_restart_is_passed_over_again():
    world = booted("a b", strategy="one_for_all")
    world.ended("a")
    world.still_there("b")
    world.ready("a")
    world.take()
    world.ended("a")
    assert world.take() == ["restart a", "start a"]


def test_a_stuck_child_does_not_hold_up_a_backoff():
    world = booted(child("a", backoff=Backoff(immediate=0, initial=1, jitter=0)), "b", strategy="rest_for_one")
    world.ended("a")
    world.take()
    world.still_there("b")
    assert world.take() == ["wait for a 1"]


def test_at_boot_one_that_is_not_ready_in_time_and_stuck_is_a_failed_start():
    world = Slow(tree("a b c"))
    world.boot()
    world.ready("a")
    world.take()
    world.still_there("b")
    assert world.take() == ["ending .: failed_to_start", "stop a"]
    world.stopped("a")
    ((culprit, exit),) = world.top.end.culprits
    assert (culprit, exit.reason, exit.pid) == ("b", Reason.FAILED_TO_START, 7)
    assert "still there" in exit.why


@pytest.mark.parametrize("strategy", GROUPS)
def test_in_a_restart_it_is_a_failed_start_whose_retry_comes_when_it_is_gone(strategy):
    world = booted("a b", strategy=strategy, max_restarts=2)
    world.ended("a")
    world.stopped("b")
    world.take()
    world.still_there("a")
    assert world.take() == []
    assert world.states() == "a stuck, b down"
    world.stopped("a")
    assert world.take() == ["restart a", "start a"]
    assert world.top.ledger.budget.left(0.0) == 0


def test_in_a_call_it_is_the_answer():
    world = booted("a")
    asked = world.ask(StartChild(child("b")))
    world.still_there("b")
    assert asked.answer == "stuck"
    world.stopped("b")
    assert world.states() == "a ready, b down"
