"""SEMANTICS section 6: calls and crashes while a child is restarting."""

from __future__ import annotations

import pytest
from tests.decisions.failing import RETRY_WAITS, failing
from tests.decisions.slow import Slow, booted, calm
from tests.decisions.trees import GROUPS, child, children, tree

from regrow._decisions.calls import DeleteChild, RestartChild, StartChild, StartNamed, StopChild
from regrow._specs.backoff import Backoff
from regrow._specs.exit import Reason

STRATEGIES = ["one_for_one", *GROUPS]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_calls_that_start_or_delete_it_are_refused(strategy):
    world = failing(strategy)
    world.settle()
    assert world.ask(StartChild(child("c"))).answer == "already_present"
    assert world.ask(StartNamed("c")).answer == "restarting"
    assert world.ask(DeleteChild("c")).answer == "restarting"
    assert world.state("c") == "restarting"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_stop_child_cancels_the_retry_and_those_after_f_stay_down_too(strategy):
    world = failing(strategy)
    world.settle()
    before = world.states()
    world.take()
    assert world.ask(StopChild("c")).answer == "ok"
    assert world.take() == ["cancel c", "wait no more for c", "answer ok"]
    assert world.states() == before.replace("restarting", "down")
    assert not list(world.waits())


@pytest.mark.parametrize("strategy", GROUPS)
def test_restart_child_starts_it_now_and_no_other(strategy):
    world = failing(strategy)
    world.settle()
    world.take()
    asked = world.ask(RestartChild("c"))
    assert world.take() == ["wait no more for c", "start c"]
    world.ready("c")
    assert asked.answer == "ok"
    assert "d down" in world.states()
    assert not list(world.waits())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_wait_that_was_cancelled_too_late_is_void(strategy):
    world = failing(strategy)
    world.settle()
    ((_, _, token),) = world.waits()
    world.ask(StopChild("c"))
    world.take()
    assert world.top.ledger.on_due("c", token, world.now) == []
    assert world.state("c") == "down"


def test_an_older_wait_is_void_while_a_newer_one_passes():
    world = failing("one_for_one")
    ((_, _, token),) = world.waits()
    world.due()
    world.failed("c")
    assert world.top.ledger.on_due("c", token, world.now) == []
    assert world.state("c") == "restarting"


def test_those_after_f_can_be_started_by_hand_and_the_retry_stops_them_first():
    world = failing("rest_for_one")
    asked = world.ask(StartNamed("d"))
    world.ready("d")
    assert asked.answer == "ok"
    world.take()
    world.due()
    assert calm(world) == ["stop d", "start c", "start d"]


def test_a_child_added_meanwhile_has_its_place_at_the_end():
    world = failing("rest_for_one")
    world.ask(StartChild(child("e")))
    world.settle()
    world.take()
    world.due()
    assert calm(world) == ["stop e", "start c", "start d", "start e"]


def test_a_sibling_that_is_deleted_meanwhile_does_not_come_back():
    world = failing("rest_for_one")
    assert world.ask(DeleteChild("d")).answer == "ok"
    world.due()
    world.settle()
    assert world.states() == "a ready, b ready, c ready"


# -- a sibling's crash meanwhile


def test_if_that_group_restart_brings_f_up_the_pending_retry_does_nothing():
    world = failing("rest_for_one")
    world.take()
    world.ended("a")
    assert calm(world) == [
        *("restart a", "wait no more for c", "stop b", "start a", "start b", "start c", "start d"),
    ]
    assert not list(world.waits())


def test_a_crash_behind_the_group_leaves_the_retry_alone():
    world = failing("rest_for_one")
    world.ask(StartNamed("d"))
    world.settle()
    world.take()
    world.ended("d")
    assert calm(world) == ["restart d", "start d"]
    assert world.state("c") == "restarting"


def test_under_one_for_one_independent_crashes_are_handled_while_f_waits():
    world = failing("one_for_one")
    world.take()
    world.ended("a")
    assert calm(world) == ["restart a", "start a"]
    world.due()
    assert calm(world) == ["start c"]


@pytest.mark.parametrize("crashed", "acd")
def test_if_another_child_fails_first_those_after_it_are_down_the_crashed_one_too(crashed):
    world = Slow(tree("a", child("b", backoff=Backoff(immediate=0)), "c d", strategy="one_for_all"))
    world.boot_all()
    world.ended(crashed)
    world.let_stop()
    world.ready("a")
    world.failed("b")
    world.settle()
    assert world.states() == "a down, b restarting, c down, d down"
    assert world.ask(StopChild("b")).answer == "ok"
    assert world.ask(StartNamed(crashed)).answer is None  # not refused: it is down
    world.settle()
    assert world.state(crashed) == "ready"


def test_nobody_restarts_for_ever_when_the_retry_is_overtaken_by_hand():
    world = Slow(tree("a b", strategy="one_for_all"))
    world.boot_all()
    world.ended("b")
    world.let_stop()
    asked = world.ask(RestartChild("a"))  # waits for the attempt
    world.failed("a")
    world.settle()
    assert asked.answer == "ok"
    assert world.states() == "a ready, b down"


# -- an order to stop


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_order_to_stop_is_obeyed_in_a_backoff(strategy):
    world = failing(strategy)
    world.settle()
    world.shut_down()
    world.settle()
    assert world.top.end.reason is Reason.STOPPED
    assert not world.top.waits


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_order_to_stop_is_obeyed_during_an_attempt(strategy):
    world = failing(strategy)
    world.settle()
    world.due()
    world.shut_down()
    world.settle()
    assert world.top.end.reason is Reason.STOPPED
    assert not [one for one in world.top.processes() if one.is_alive]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_stop_child_is_obeyed_during_a_start_that_is_not_ready_yet(strategy):
    world = Slow(tree("a b c", strategy=strategy))
    world.boot_all()
    world.ended("b")
    world.let_stop()
    if strategy == "one_for_all":
        world.ready("a")
    world.take()
    asked = world.ask(StopChild("b"))
    assert world.take() == ["stop b"]
    world.stopped("b")
    world.settle()
    assert asked.answer == "ok"
    assert world.states() == "a ready, b down, c ready"  # as if it had come up and been stopped then


@pytest.mark.parametrize("strategy", GROUPS)
def test_stop_child_that_comes_too_late_for_a_failing_start_leaves_those_after_it_down(strategy):
    world = Slow(tree("a b c", strategy=strategy))
    world.boot_all()
    world.ended("a")
    world.let_stop()
    world.ready("a")
    world.is_prompt = False
    world.failed("b")
    failure = world.top.mailbox.pop()
    asked = world.ask(StopChild("b"))
    world.top.mailbox.append(failure)
    world.read(world.top)
    world.read(world.top)
    assert asked.answer == "ok"
    assert world.states() == "a ready, b down, c down"


def test_stop_child_during_the_stops_before_a_backoff_cancels_it():
    world = Slow(tree(child("a", backoff=Backoff(immediate=0)), "b", strategy="rest_for_one"))
    world.boot_all()
    world.ended("a")
    world.take()
    assert world.ask(StopChild("a")).answer == "ok"
    assert world.ask(DeleteChild("a")).answer == "ok"
    world.stopped("b")
    assert world.take() == ["cancel a", "answer ok", "delete a", "answer ok"]
    assert world.states() == "b down"


def test_one_that_was_cancelled_so_stays_down_when_the_stops_are_over():
    world = booted(child("a", backoff=Backoff(immediate=0)), "b", strategy="rest_for_one")
    world.ended("a")
    world.ask(StopChild("a"))
    world.take()
    world.stopped("b")
    assert world.take() == []
    assert world.states() == "a down, b down"


def test_a_nested_supervisor_that_fails_to_start_again_is_retried_by_the_one_above():
    world = Slow(
        tree(tree("x y", name="sub", max_restarts=0, backoff=RETRY_WAITS), children("b"), strategy="rest_for_one")
    )
    world.boot_all()
    world.ended("sub/x")
    world.let_stop()
    world.take()
    world.failed("sub/x")
    assert world.take() == [
        *("ending sub: failed_to_start", "end sub: failed_to_start"),
        *("restart sub in 1", "wait for sub 1"),
    ]
    world.due()
    world.settle()
    assert world.states("sub") == "x ready, y ready"
