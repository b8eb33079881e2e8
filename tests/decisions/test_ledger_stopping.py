"""SEMANTICS section 8: stopping."""

from __future__ import annotations

import pytest
from tests.decisions.slow import Slow, booted
from tests.decisions.trees import GROUPS, child, dynamic, tree

from regrow._decisions.calls import StartChild, StopChild
from regrow._specs.backoff import Backoff
from regrow._specs.exit import Reason

STRATEGIES = ["one_for_one", *GROUPS]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_children_stop_in_reverse_start_order_one_at_a_time(strategy):
    world = booted("a b c", strategy=strategy)
    world.shut_down()
    assert world.take() == ["ending .: stopped", "stop c"]
    world.stopped("c")
    assert world.take() == ["stop b"]
    world.stopped("b")
    assert world.take() == ["stop a"]
    world.stopped("a")
    assert world.take() == ["end .: stopped"]


def test_a_dynamic_supervisor_stops_all_at_once():
    world = Slow(dynamic())
    world.boot_all()
    for name in "abc":
        world.ask(StartChild(child(name)))
        world.ready(name)
    world.take()
    world.shut_down()
    assert world.take() == ["ending .: stopped", "stop c", "stop b", "stop a"]
    world.let_stop()
    assert world.take() == ["end .: stopped"]


def test_together_all_stop_at_once():
    world = booted("a b c", order="together")
    world.shut_down()
    assert world.take() == ["ending .: stopped", "stop c", "stop b", "stop a"]


def test_children_that_are_down_are_passed_over():
    world = booted("a b c", child("d", autostart=False))
    world.ask(StopChild("b"))
    world.settle()
    world.take()
    world.shut_down()
    world.settle()
    assert world.take() == ["ending .: stopped", "stop c", "stop a", "end .: stopped"]


def test_a_supervisor_whose_children_are_all_down_ends_at_once():
    world = booted("a")
    world.ask(StopChild("a"))
    world.settle()
    world.take()
    world.shut_down()
    assert world.take() == ["ending .: stopped", "end .: stopped"]


def test_what_is_being_stopped_already_is_not_told_twice():
    world = booted("a b")
    asked = world.ask(StopChild("b"))
    world.shut_down()
    assert world.take() == ["stop b", "ending .: stopped", "answer ended"]
    world.stopped("b")
    assert world.take() == ["stop a"]
    assert asked.answer == "ended"


def test_a_child_that_ends_before_its_turn_is_gone():
    world = booted("a b c")
    world.shut_down()
    world.ended("b")
    world.take()
    world.stopped("c")
    assert world.take() == ["stop a"]


def test_a_second_order_to_stop_changes_nothing():
    world = booted("a b")
    world.shut_down()
    world.take()
    world.shut_down()
    assert world.take() == []


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_end_that_comes_during_the_shutdown_is_no_restart_and_no_second_cause(strategy):
    world = booted("a b", strategy=strategy, max_restarts=0)
    world.shut_down()
    world.ended("a")
    world.stopped("b")
    assert world.top.end.reason is Reason.STOPPED


def test_the_first_cause_counts():
    world = booted("a b c", max_restarts=0)
    world.ended("c")
    world.shut_down()
    world.settle()
    assert world.top.end.reason is Reason.GAVE_UP


def test_backoffs_are_cancelled():
    world = booted(child("a", backoff=Backoff(immediate=0)), "b")
    world.ended("a")
    world.take()
    world.shut_down()
    assert world.take() == ["ending .: stopped", "stop b"]
    world.stopped("b")
    assert world.take() == ["wait no more for a", "end .: stopped"]


def test_temporary_children_are_not_forgotten_one_by_one_when_all_is_stopped():
    world = booted(child("a", "temporary"))
    world.shut_down()
    world.settle()
    assert world.take() == ["ending .: stopped", "stop a", "end .: stopped"]


def test_nested_supervisors_stop_in_their_turn():
    world = booted("a", tree("x y", name="sub"), "b")
    world.shut_down()
    world.settle()
    assert world.take() == [
        *("ending .: stopped", "stop b", "stop sub", "ending sub: stopped", "stop sub/y", "stop sub/x"),
        *("end sub: stopped", "stop a", "end .: stopped"),
    ]


def test_a_start_that_fails_during_the_shutdown_is_gone_without_a_stop():
    world = booted("a b")
    world.ended("a")
    world.shut_down()
    world.take()
    world.failed("a")  # b is being stopped
    world.stopped("b")
    assert world.take() == ["end .: stopped"]
