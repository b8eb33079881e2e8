"""Who comes back without being asked for, who does not any more, and what the next incarnation is made of."""

from __future__ import annotations

import pytest
from tests.decisions.slow import Slow, booted, calm, opened
from tests.decisions.trees import GROUPS, child, dynamic, tree

from regrow._decisions.calls import RestartChild, StartNamed, StopChild
from regrow._specs.backoff import Backoff
from regrow._specs.exit import Exit, Reason
from regrow._specs.supervisor import DynamicSpec

WAITS = Backoff(immediate=0, initial=1, jitter=0)


def coming_back(world: Slow) -> set[str]:
    ledger = world.top.ledger
    return {name for name in ledger.entries if ledger.is_coming_back(name)}


def test_before_the_boot_all_come_that_start_with_their_supervisor():
    assert coming_back(Slow(tree("a b", child("c", autostart=False)))) == {"a", "b"}


def test_during_the_boot_those_come_whose_turn_has_not_come():
    world = Slow(tree("a b c", child("d", autostart=False)))
    world.boot("a")
    assert coming_back(world) == {"c"}


def test_a_child_in_its_backoff_comes_back_alone_under_one_for_one():
    world = booted(child("a", backoff=WAITS), "b", child("c", "transient"))
    world.ended("c", Reason.NORMAL)
    world.ended("a")
    assert coming_back(world) == {"a"}


@pytest.mark.parametrize(("strategy", "names"), [("one_for_all", "abc"), ("rest_for_one", "bc")])
def test_in_a_backoff_the_whole_group_comes_back_but_for_those_nobody_has_started(strategy, names):
    world = booted("a", child("b", backoff=WAITS), "c", child("d", autostart=False), strategy=strategy)
    world.ended("b")
    world.let_stop()
    assert coming_back(world) == set(names)


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_bystander_that_is_stuck_comes_back_until_it_is_stopped_by_hand(strategy):
    world = booted("a b", strategy=strategy)
    world.ended("a")
    world.still_there("b")
    world.ready("a")
    assert coming_back(world) == {"b"}
    world.ask(StopChild("b"))
    assert coming_back(world) == set()


def test_what_is_down_stays_down():
    world = booted("a b", child("c", "transient"))
    world.ask(StopChild("a"))
    world.settle()
    world.ended("c", Reason.NORMAL)
    assert coming_back(world) == set()


def test_nobody_comes_back_when_all_is_stopped():
    world = booted(child("a", backoff=WAITS), "b")
    world.ended("a")
    world.shut_down()
    assert coming_back(world) == set()


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_retired_child_is_stopped_by_a_group_restart_and_not_started(strategy):
    world = booted("a b c", strategy=strategy)
    world.top.ledger.retire(["b", "nobody"])
    world.ended("a")
    assert calm(world) == ["restart a", "stop c", "stop b", "start a", "start c"]
    assert world.states() == "a ready, b down, c ready"


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_child_that_is_not_retired_after_all_is_revived_as_before(strategy):
    world = booted("a b", child("c", autostart=False), strategy=strategy)
    world.top.ledger.retire(["b", "c"])
    world.top.ledger.retire(["b", "c"], really=False)
    world.ended("a")
    world.settle()
    assert world.states() == "a ready, b ready, c down"


def test_a_call_brings_a_retired_child_back():
    world = booted("a b", strategy="one_for_all")
    world.top.ledger.retire(["b"])
    world.ask(StopChild("b"))
    world.settle()
    world.ask(StartNamed("b"))
    world.settle()
    world.ended("a")
    world.settle()
    assert world.states() == "a ready, b ready"


# -- what the next incarnation of a nested supervisor is made of


def test_a_nested_supervisor_comes_back_as_its_new_spec_says():
    world = booted(tree("x", name="sub"), "b")
    new = tree("x y", name="sub")
    world.top.ledger.respec("sub", new)
    assert world.take() == []
    world.ask(RestartChild("sub"))
    world.settle()
    assert world.states("sub") == "x ready, y ready"
    assert world.top.ledger.spec.children[0] is new


def test_the_new_spec_of_a_child_of_a_dynamic_supervisor_is_the_entrys_alone():
    world = opened(dynamic())
    world.top.ledger.respec("nobody", tree(name="nobody"))
    assert isinstance(world.top.ledger.spec, DynamicSpec)
    assert world.states() == ""


# -- what is left below a nested supervisor


@pytest.mark.parametrize(("left", "answer"), [((), "ok"), (("sub/x",), "stuck")])
def test_stopping_a_supervisor_with_something_stuck_below_says_so(left, answer):
    world = booted(tree("x", name="sub"))
    asked = world.ask(StopChild("sub"))
    world.carry_out(world.top, world.top.ledger.on_gone("sub", Exit(Reason.STOPPED, left=left), world.now))
    assert asked.answer == answer


def test_nothing_replaces_a_supervisor_by_hand_below_which_something_is_stuck():
    world = booted(tree("x", name="sub"))
    asked = world.ask(RestartChild("sub"))
    world.take()
    world.carry_out(world.top, world.top.ledger.on_gone("sub", Exit(Reason.STOPPED, left=("sub/x",)), world.now))
    assert asked.answer == "stuck"
    assert world.states() == "sub down"
