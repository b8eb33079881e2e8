"""SEMANTICS section 6: what a retry does, and when it is cancelled."""

from __future__ import annotations

import pytest
from tests.decisions.failing import failing, start_up_to_c
from tests.decisions.slow import Slow, calm
from tests.decisions.trees import GROUPS, tree

from regrow._specs.exit import Reason

STRATEGIES = ["one_for_one", *GROUPS]


# -- what the retry does


def test_one_for_one_f_is_restarting_and_is_started_again():
    world = failing("one_for_one")
    assert world.states() == "a ready, b ready, c restarting, d ready"
    assert world.take() == ["restart c in 1", "wait for c 1"]
    world.due()
    assert calm(world) == ["start c"]


@pytest.mark.parametrize("crashed", "bc")
def test_rest_for_one_those_after_f_are_down_and_those_before_are_not_touched(crashed):
    world = failing("rest_for_one", crashed)
    assert world.states() == "a ready, b ready, c restarting, d down"
    assert world.take() == ["restart c in 1", "wait for c 1"]
    world.due()
    assert calm(world) == ["start c", "start d"]


@pytest.mark.parametrize("crashed", "abcd")
def test_one_for_all_everything_that_came_back_is_stopped_in_reverse_and_all_start_again(crashed):
    world = failing("one_for_all", crashed)
    assert world.take() == ["restart c in 1", "stop b"]
    assert calm(world) == ["stop a", "wait for c 1"]
    assert world.states() == "a down, b down, c restarting, d down"
    world.due()
    assert calm(world) == ["start a", "start b", "start c", "start d"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_without_a_backoff_the_retry_follows_at_once(strategy):
    world = Slow(tree("a b c", strategy=strategy))
    world.boot_all()
    world.ended("c")
    world.let_stop()
    start_up_to_c(world)
    world.take()
    world.failed("c")
    expected = {
        "one_for_one": ["restart c", "start c"],
        "rest_for_one": ["restart c", "start c"],
        "one_for_all": ["restart c", "stop b", "stop a", "start a", "start b", "start c"],
    }
    assert calm(world) == expected[strategy]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_retry_counts(strategy):
    world = failing(strategy, max_restarts=2)
    assert world.top.ledger.budget.left(0.0) == 0
    world.settle()
    world.due()
    start_up_to_c(world)
    world.failed("c")
    world.settle()
    assert world.top.end.reason is Reason.GAVE_UP
    assert world.top.end.culprits[0][0] == "c"


def test_the_waits_of_a_row_grow():
    world = failing("one_for_one")
    waits = []
    for _ in range(4):
        waits.append(next(world.waits())[0] - world.now)
        world.due()
        world.failed("c")
    assert waits == [1, 2, 4, 8]


def test_a_start_that_dies_before_it_is_ready_is_one_failed_attempt_not_two():
    world = failing("one_for_one", max_restarts=3)
    assert world.top.ledger.budget.left(0.0) == 1
