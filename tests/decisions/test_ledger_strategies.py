"""SEMANTICS section 5: what is stopped and what is started when a child is due for restart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decisions.instant import Instant
from tests.decisions.slow import Slow, booted, calm
from tests.decisions.trees import GROUPS, child, dynamic, tree

from regrow._decisions.calls import DeleteChild, StartChild, StartNamed, StopChild
from regrow._specs.backoff import Backoff
from regrow._specs.exit import Reason

WAITS = Backoff(immediate=0, initial=1, jitter=0)


@given(st.integers(1, 6), st.data())
def test_one_for_one_stops_nothing_and_starts_the_child(count, data):
    names = "abcdef"[:count]
    k = data.draw(st.sampled_from(names))
    world = booted(" ".join(names))
    world.ended(k)
    assert calm(world) == [f"restart {k}", f"start {k}"]


@given(st.integers(1, 6), st.data())
def test_rest_for_one_stops_those_after_it_in_reverse_then_starts_it_and_them_in_order(count, data):
    names = "abcdef"[:count]
    k = data.draw(st.integers(0, count - 1))
    world = booted(" ".join(names), strategy="rest_for_one")
    world.ended(names[k])
    assert calm(world) == [
        f"restart {names[k]}",
        *(f"stop {name}" for name in reversed(names[k + 1 :])),
        *(f"start {name}" for name in names[k:]),
    ]


@given(st.integers(1, 6), st.data())
def test_one_for_all_stops_all_others_in_reverse_then_starts_all_in_order(count, data):
    names = "abcdef"[:count]
    k = data.draw(st.sampled_from(names))
    world = booted(" ".join(names), strategy="one_for_all")
    world.ended(k)
    assert calm(world) == [
        f"restart {k}",
        *(f"stop {name}" for name in reversed(names) if name != k),
        *(f"start {name}" for name in names),
    ]


def test_a_dynamic_supervisor_starts_the_child_with_the_arguments_of_its_own_start():
    world = Slow(dynamic())
    world.boot_all()
    spec = child("w", command=["program", "extra"])
    world.ask(StartChild(spec))
    world.ask(StartChild(child("v")))
    world.settle()
    world.take()
    world.ended("w")
    assert calm(world) == ["restart w", "start w"]
    assert world.process("w").spec is spec


@pytest.mark.parametrize(("strategy", "shares"), [("one_for_one", False), *((strategy, True) for strategy in GROUPS)])
def test_only_under_a_group_strategy_a_restart_is_about_siblings(strategy, shares):
    assert booted("a", strategy=strategy).top.ledger.shares_restarts == shares


# -- what the one-line descriptions hide


@pytest.mark.parametrize(
    ("strategy", "revived"), [("one_for_all", "a b d e"), ("rest_for_one", "d e"), ("one_for_one", "")]
)
def test_a_group_restart_revives_what_ended_well_and_what_was_stopped_by_hand(strategy, revived):
    world = Instant(tree(child("a", "transient"), "b c", child("d", "transient"), "e", strategy=strategy))
    world.boot()
    world.do("=a", StopChild("b"), "=d", StopChild("e"), "c")
    up = {name for name, state in world.states() if state == "up"}
    assert up == {"c", *revived.split()}


def test_deleting_the_entry_is_the_only_way_to_keep_a_child_down():
    world = Instant(tree("a b c", strategy="one_for_all"))
    world.boot()
    world.do(StopChild("b"), DeleteChild("b"), "a")
    assert world.states() == [("a", "up"), ("c", "up")]


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_child_that_nobody_has_ever_started_is_not_revived(strategy):
    world = booted("a", child("b", autostart=False), child("t", "temporary", autostart=False), strategy=strategy)
    world.ended("a")
    assert calm(world) == ["restart a", "start a"]
    assert world.states() == "a ready, b down, t down"


@pytest.mark.parametrize("strategy", GROUPS)
def test_one_that_somebody_started_and_stopped_is_revived(strategy):
    world = Instant(tree("a", child("b", autostart=False), strategy=strategy))
    world.boot()
    world.do(StartNamed("b"), StopChild("b"), "a")
    assert world.states() == [("a", "up"), ("b", "up")]


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_temporary_bystander_is_stopped_and_forgotten(strategy):
    world = booted("a", child("b", "temporary"), "c", strategy=strategy)
    world.ended("a")
    assert calm(world) == ["restart a", "stop c", "stop b", "forget b", "start a", "start c"]
    assert world.states() == "a ready, c ready"


def test_the_next_stop_begins_when_the_one_before_is_gone_and_the_first_start_when_all_are():
    world = booted("a b c", strategy="one_for_all")
    world.ended("a")
    assert world.take() == ["restart a", "stop c"]
    world.stopped("c")
    assert world.take() == ["stop b"]
    world.stopped("b")
    assert world.take() == ["start a"]
    world.ready("a")
    assert world.take() == ["start b"]


def test_a_nested_supervisor_is_stopped_in_its_place_and_comes_back_whole():
    world = booted("a", tree("x y", name="sub"), "b", strategy="one_for_all")
    world.ended("a")
    assert calm(world) == [
        *("restart a", "stop b", "stop sub", "ending sub: stopped", "stop sub/y", "stop sub/x", "end sub: stopped"),
        *("start a", "start sub", "start sub/x", "start sub/y", "booted sub", "start b"),
    ]


# -- regrow: backoff


@pytest.mark.parametrize("strategy", GROUPS)
def test_with_a_backoff_the_bystanders_are_stopped_at_once_then_it_passes_then_all_start(strategy):
    world = booted(child("a", backoff=WAITS), "b c", strategy=strategy)
    world.ended("a")
    assert world.take() == ["restart a in 1", "stop c"]
    world.stopped("c")
    world.stopped("b")
    assert world.take() == ["stop b", "wait for a 1"]
    assert world.states() == "a restarting, b down, c down"
    world.due()
    assert calm(world) == ["start a", "start b", "start c"]


def test_with_a_backoff_one_for_one_waits_for_its_own_child_only():
    world = booted(child("a", backoff=WAITS), "b")
    world.ended("a")
    assert world.take() == ["restart a in 1", "wait for a 1"]
    world.ended("b")
    assert calm(world) == ["restart b", "start b"]
    world.due()
    assert calm(world) == ["start a"]


def test_temporary_bystanders_are_forgotten_before_the_backoff():
    world = booted(child("a", backoff=WAITS), child("t", "temporary"), strategy="rest_for_one")
    world.ended("a")
    assert calm(world) == ["restart a in 1", "stop t", "forget t", "wait for a 1"]


# -- swallowed exits


def test_if_several_are_dead_already_one_group_restart_takes_their_exits():
    world = Instant(tree("a b c", strategy="one_for_all", max_restarts=1))
    world.boot()
    for name in "bca":
        world.exit(name)
    world.settle()
    assert world.states() == [("a", "up"), ("b", "up"), ("c", "up")]
    assert world.top.ledger.budget.left(0.0) == 0


@pytest.mark.parametrize(("news", "restarts", "starts_of_c"), [("ac", 1, 2), ("ca", 2, 3)])
def test_under_rest_for_one_the_order_of_the_news_matters(news, restarts, starts_of_c):
    world = Instant(tree("a b c", strategy="rest_for_one"))
    world.boot()
    for name in news:
        world.exit(name)
    world.settle()
    assert len(world.top.ledger.budget.ages(0.0)) == restarts
    assert world.trace.count(("start", "c")) == starts_of_c


def test_under_one_for_one_each_counts():
    world = Instant(tree("a b c", max_restarts=2))
    world.boot()
    for name in "abc":
        world.exit(name)
    world.settle()
    assert world.top.end.reason is Reason.GAVE_UP


def test_the_end_of_a_bystander_before_its_turn_to_be_stopped_is_swallowed():
    world = booted("a b c", strategy="one_for_all", max_restarts=1)
    world.ended("a")
    world.ended("b")  # c is being stopped
    assert calm(world) == ["restart a", "stop c", "start a", "start b", "start c"]


def test_the_end_of_a_child_that_a_group_restart_has_just_started_is_a_crash_afterwards():
    world = booted("a b", strategy="one_for_all")
    world.ended("a")
    world.stopped("b")
    world.ready("a")
    world.take()
    world.ended("a")
    assert world.take() == []
    world.ready("b")
    assert world.take() == ["restart a", "stop b"]


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_good_end_that_is_swallowed_is_revived_too(strategy):
    world = Instant(tree("a", child("b", "transient"), strategy=strategy, max_restarts=1))
    world.boot()
    world.exit("a")
    world.exit("b", Reason.NORMAL)
    world.settle()
    assert world.states() == [("a", "up"), ("b", "up")]


def test_a_temporary_bystander_that_is_dead_already_is_forgotten():
    world = Instant(tree("a", child("t", "temporary"), strategy="one_for_all"))
    world.boot()
    world.exit("a")
    world.exit("t")
    world.settle()
    assert world.states() == [("a", "up")]


# -- places


def test_a_child_added_later_goes_to_the_end_and_restarts_keep_the_places():
    world = booted("a b", strategy="rest_for_one")
    world.ask(StartChild(child("z")))
    world.settle()
    world.ended("b")
    world.settle()
    world.take()
    world.ended("a")
    assert calm(world) == ["restart a", "stop z", "stop b", "start a", "start b", "start z"]


def test_an_entry_that_is_deleted_and_added_again_goes_to_the_end():
    world = Instant(tree("a b"))
    world.boot()
    world.do(StopChild("a"), DeleteChild("a"), StartChild(child("a")))
    assert world.states() == [("b", "up"), ("a", "up")]


def test_a_restarted_supervisor_comes_back_with_the_children_of_its_spec_only():
    world = Instant(tree(tree("x y", name="sub", max_restarts=0)))
    world.boot()
    for request in (StopChild("y"), DeleteChild("y"), StartChild(child("z"))):
        world.ask(request, "sub")
    world.settle()
    assert world.states("sub") == [("x", "up"), ("z", "up")]
    world.do("sub/x")
    assert world.states("sub") == [("x", "up"), ("y", "up")]
