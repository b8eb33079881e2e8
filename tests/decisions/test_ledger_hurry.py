"""SEMANTICS sections 6 and 10: orders to stop are obeyed at once where a child is not up yet; starts are taken back."""

from __future__ import annotations

import pytest
from tests.decisions.slow import Slow, booted
from tests.decisions.trees import GROUPS, child, dynamic

from regrow._decisions.calls import DeleteChild, RestartChild, StartChild, StartNamed, StopChild
from regrow._specs.backoff import Backoff
from regrow._specs.exit import Reason

STRATEGIES = ["one_for_one", *GROUPS]


def test_stop_child_during_the_start_of_start_child_discards_the_spec():
    world = booted("a")
    start = world.ask(StartChild(child("b")))
    stop = world.ask(StopChild("b"))
    world.stopped("b")
    assert [start.answer, stop.answer] == ["cancelled", "ok"]
    assert world.states() == "a ready"


def test_stop_child_during_start_named_leaves_the_child_down():
    world = booted("a", child("b", autostart=False))
    start, stop = world.ask(StartNamed("b")), world.ask(StopChild("b"))
    assert world.take() == ["start b", "stop b"]
    world.stopped("b")
    assert [start.answer, stop.answer] == ["cancelled", "ok"]
    assert world.states() == "a ready, b down"


def test_stop_child_that_comes_too_late_for_a_start_that_fails_leaves_the_child_down():
    world = booted("a", child("b", autostart=False))
    start = world.ask(StartNamed("b"))
    world.is_prompt = False
    stop = world.ask(StopChild("b"))
    world.failed("b")
    world.read(world.top)
    world.read(world.top)
    assert [start.answer, stop.answer] == ["cancelled", "ok"]
    assert world.states() == "a ready, b down"


def test_stop_child_during_the_stop_of_restart_child_leaves_the_child_down():
    world = booted("a")
    restart, stop = world.ask(RestartChild("a")), world.ask(StopChild("a"))
    world.stopped("a")
    assert [restart.answer, stop.answer] == ["cancelled", "ok"]
    assert world.states() == "a down"


def test_stop_child_during_restart_child_of_a_temporary_child_forgets_it():
    world = booted(child("a", "temporary"))
    restart, stop = world.ask(RestartChild("a")), world.ask(StopChild("a"))
    world.stopped("a")
    assert [restart.answer, stop.answer] == ["cancelled", "ok"]
    assert world.states() == ""


def test_stop_child_during_the_restart_of_a_dynamic_child_forgets_it():
    world = Slow(dynamic())
    world.boot_all()
    world.ask(StartChild(child("a")))
    world.ready("a")
    world.ended("a")
    asked = world.ask(StopChild("a"))
    world.stopped("a")
    assert asked.answer == "ok"
    assert world.states() == ""


@pytest.mark.parametrize("strategy", GROUPS)
def test_stop_child_of_one_whose_turn_in_a_group_restart_has_not_come_leaves_it_down(strategy):
    world = booted("a b c", strategy=strategy)
    world.ended("a")
    world.let_stop()
    asked = world.ask(StopChild("b"))
    assert asked.answer == "ok"
    world.settle()
    assert world.states() == "a ready, b down, c ready"


@pytest.mark.parametrize("strategy", GROUPS)
def test_stop_child_of_one_that_is_still_up_in_a_group_restart_leaves_it_down(strategy):
    world = booted("a b c", strategy=strategy)
    world.ended("a")
    asked = world.ask(StopChild("b"))  # c is being stopped
    assert asked.answer is None
    world.settle()
    assert asked.answer == "ok"
    assert world.states() == "a ready, b down, c ready"


def test_stop_child_of_the_crashed_one_during_the_stops_leaves_it_down():
    world = booted("a b", strategy="one_for_all")
    world.ended("a")
    asked = world.ask(StopChild("a"))
    assert world.take() == ["restart a", "stop b", "cancel a", "answer ok"]
    world.settle()
    assert asked.answer == "ok"
    assert world.states() == "a down, b ready"


def test_one_that_was_down_can_be_stopped_and_deleted_during_the_stops_of_a_group_restart():
    world = booted("d b a", strategy="one_for_all")
    world.ask(StopChild("d"))
    world.settle()
    world.ended("a")
    assert world.ask(StopChild("d")).answer == "ok"
    assert world.ask(DeleteChild("d")).answer == "ok"
    world.settle()
    assert world.states() == "b ready, a ready"


@pytest.mark.parametrize("strategy", GROUPS)
def test_bystanders_that_are_stopped_before_a_backoff_are_nothing_to_hurry(strategy):
    world = booted(child("a", backoff=Backoff(immediate=0)), "b c", strategy=strategy)
    world.ended("a")
    asked = world.ask(StopChild("b"))
    assert asked.answer is None
    world.let_stop()
    assert asked.answer == "ok"
    assert world.states() == "a restarting, b down, c down"


def test_stop_child_behind_another_call_on_the_child_waits_for_its_turn():
    world = booted("a b")
    world.ask(RestartChild("a"))
    delete, stop = world.ask(DeleteChild("a")), world.ask(StopChild("a"))
    assert [delete.answer, stop.answer] == [None, None]
    world.settle()
    assert [delete.answer, stop.answer] == ["running", "ok"]


def test_stop_child_of_what_is_being_stopped_waits_for_that():
    world = booted("a")
    first, second = world.ask(StopChild("a")), world.ask(StopChild("a"))
    assert world.take() == ["stop a"]
    world.stopped("a")
    assert [first.answer, second.answer] == ["ok", "ok"]


# -- whoever asked for a start was cancelled


@pytest.mark.parametrize(
    ("request_", "states"), [(StartChild(child("x")), "a ready, b down"), (StartNamed("b"), "a ready, b down")]
)
def test_a_start_that_nobody_waits_for_any_more_is_taken_back(request_, states):
    world = booted("a", child("b", autostart=False))
    asked = world.ask(request_)
    world.withdraw(asked)
    world.settle()
    assert asked.answer == "cancelled"
    assert world.states() == states


def test_a_start_that_waits_is_taken_out_of_the_queue():
    world = booted("a")
    world.ask(StopChild("a"))
    asked = world.ask(StartNamed("a"))
    world.withdraw(asked)
    world.settle()
    assert asked.answer is None
    assert world.states() == "a down"


@pytest.mark.parametrize("request_", [StartChild(child("x")), StartNamed("nobody")])
def test_a_call_that_was_answered_cannot_be_taken_back(request_):
    world = booted("a")
    asked = world.ask(request_)
    world.settle()
    world.take()
    world.withdraw(asked)
    assert world.take() == []


def test_taking_back_one_call_leaves_another_operation_on_the_child_alone():
    world = booted("a")
    asked = world.ask(StartNamed("a"))
    world.ask(RestartChild("a"))
    world.withdraw(asked)
    world.settle()
    assert world.states() == "a ready"


def test_taking_back_a_call_leaves_a_restart_alone():
    world = booted("a")
    asked = world.ask(StartNamed("a"))
    world.ended("a")
    world.withdraw(asked)
    world.settle()
    assert world.states() == "a ready"


# -- what arrives in the mailbox too late


def test_the_end_of_a_child_that_was_forgotten_and_added_again_meanwhile_is_void():
    world = booted("a", child("t", "temporary"), "c", strategy="one_for_all")
    world.ended("a")
    world.ended("t")  # waits, because c is being stopped; then it is swallowed
    world.stopped("c")
    world.ask(StartChild(child("t")))
    world.settle()
    assert world.states() == "a ready, c ready, t ready"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_supervisor_is_never_deaf_while_a_child_takes_for_ever_to_start(strategy):
    world = booted("a b c", strategy=strategy)
    world.ask(StopChild("c"))
    world.settle()
    world.ask(StartNamed("c"))  # and it never becomes ready
    assert world.ask(DeleteChild("a")).answer == "running"
    asked = world.ask(RestartChild("a"))
    world.stopped("a")
    world.ready("a")
    assert asked.answer == "ok"
    world.shut_down()
    world.settle()
    assert world.top.end.reason is Reason.STOPPED
