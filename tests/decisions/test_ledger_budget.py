"""SEMANTICS section 4: how many restarts are too many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decisions.instant import Instant
from tests.decisions.slow import Slow, booted, opened
from tests.decisions.trees import GROUPS, child, children, dynamic, tree

from regrow._decisions.calls import RestartChild, StartChild, StartNamed, StopChild
from regrow._decisions.verdicts import Schedule, Start
from regrow._specs.backoff import Backoff
from regrow._specs.exit import Exit, Reason

STRATEGIES = ["one_for_one", *GROUPS]
ABNORMAL = [Reason.CRASHED, Reason.HUNG, Reason.OVER_LIMIT, Reason.LOST]


@given(st.integers(0, 5), st.sampled_from(STRATEGIES), st.sampled_from("abc"))
def test_so_many_crashes_are_tolerated_and_one_more_is_not(most, strategy, name):
    world = Instant(tree("a b c", max_restarts=most, strategy=strategy))
    assert world.boot()
    for _ in range(most):
        world.do(name)
        assert world.states() == [("a", "up"), ("b", "up"), ("c", "up")]
    world.do(name)
    assert world.top.end.reason is Reason.GAVE_UP


@given(st.integers(0, 5))
def test_an_always_failing_child_gets_exactly_max_restarts_attempts(most):
    world = Instant(tree("a", max_restarts=most), lambda process: process.node.ledger.is_booted)
    world.boot()
    world.do("a")
    assert world.trace.count(("failed", "a")) == most
    assert world.top.end.reason is Reason.GAVE_UP


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_group_restart_counts_once_whatever_the_number_of_children(strategy):
    world = booted("a b c d e", strategy=strategy, max_restarts=1)
    world.ended("a")
    world.settle()
    assert world.top.ledger.budget.left(world.now) == 0
    assert world.states() == "a ready, b ready, c ready, d ready, e ready"


def test_restarts_that_have_left_the_window_are_free_again():
    world = booted("a", max_restarts=1, window=5.0)
    world.ended("a")
    world.ready("a")
    world.now = 6.0
    world.ended("a")
    world.ready("a")
    assert world.states() == "a ready"
    world.now = 11.0
    world.ended("a")
    assert world.top.end.limit == "more than 1 restart in 5 s"
    assert world.top.end.restarts == (5.0,)  # those that were made


def test_calls_and_ends_that_are_not_restarted_count_nothing():
    world = booted("a", children("t", "temporary"), children("n", "transient"), max_restarts=0)
    for request in (StopChild("a"), StartNamed("a"), RestartChild("a"), StartChild(child("b")), StopChild("b")):
        world.ask(request)
        world.settle()
    world.ended("t")
    world.ended("n", Reason.NORMAL)
    assert world.states() == "a ready, n down, b down"
    assert world.top.is_alive


def test_the_count_begins_at_zero_when_the_supervisor_is_restarted():
    world = Instant(tree(tree("x", name="sub", max_restarts=2), max_restarts=3))
    world.boot()
    for _ in range((2 + 1) * (3 + 1)):  # it multiplies up the tree
        assert world.top.is_alive
        world.do("sub/x")
    assert not world.top.is_alive


def test_giving_up_leaves_the_crashed_child_down_and_stops_the_others_in_reverse():
    world = booted("a b c d", max_restarts=0)
    world.ended("b", code=3)
    assert world.take() == ["ending .: gave_up", "stop d"]
    assert world.states() == "a ready, b down, c ready, d stopping"
    world.stopped("d")
    world.stopped("c")
    assert world.take() == ["stop c", "stop a"]
    world.stopped("a")
    assert world.take() == ["end .: gave_up"]
    ((culprit, exit),) = world.top.end.culprits
    assert (culprit, exit.code) == ("b", 3)


def test_giving_up_forgets_a_dynamic_child():
    world = opened(dynamic(max_restarts=0))
    for name in "vw":
        world.ask(StartChild(child(name)))
        world.ready(name)
    world.take()
    world.ended("v")
    assert world.take() == ["forget v", "ending .: gave_up", "stop w"]


def test_what_is_left_of_the_budget_is_told_with_each_restart():
    world = booted("a", max_restarts=2)
    orders = world.top.ledger.on_gone("a", Exit(Reason.CRASHED), 0.0)
    assert orders == [Schedule("a", delay=0.0, attempt=1, restarts_left=1), Start("a")]


# -- regrow: losses, refusals, rows


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_all_children_lost_with_one_engine_are_one_restart(strategy):
    world = booted("a b c", max_restarts=1, strategy=strategy)
    for name in "abc":
        if world.process(name).is_ready and not world.process(name).is_stopping:
            world.ended(name, Reason.LOST, loss="engine 1")
    world.settle()
    assert world.states() == "a ready, b ready, c ready"
    world.ended("a", Reason.LOST, loss="engine 2")
    assert world.top.ledger.end.reason is Reason.GAVE_UP


def test_the_losses_of_two_engines_are_two_restarts():
    world = booted("a b", max_restarts=1)
    world.ended("a", Reason.LOST, loss="engine 1")
    world.ended("b", Reason.LOST, loss="engine 2")
    assert world.top.ledger.end.reason is Reason.GAVE_UP


def test_a_refused_start_is_retried_after_a_wait_and_not_counted():
    world = booted(child("a", start_timeout=10), max_restarts=1)
    world.ended("a")
    for _ in range(5):
        world.take()
        world.failed("a", was_refused=True)
        assert world.take() == ["restart a in 0.2", "wait for a 0.2"]
        world.due()
    world.ready("a")
    assert world.states() == "a ready"
    assert world.top.ledger.budget.left(world.now) == 0


def test_a_refused_start_waits_as_long_as_the_backoff_says():
    world = booted(child("a", backoff=Backoff(initial=7, jitter=0)))
    world.ended("a")
    world.take()
    world.failed("a", was_refused=True)
    assert world.take() == ["restart a in 7", "wait for a 7"]


def test_a_start_that_is_refused_for_longer_than_start_timeout_counts():
    world = booted(child("a", start_timeout=1), max_restarts=2)
    world.ended("a")
    for _ in range(7):
        world.failed("a", was_refused=True)
        world.due()
    world.failed("a", was_refused=True)
    assert world.now == pytest.approx(1.4)  # within 1 s nothing was counted, then one, then one too many
    assert world.top.end.limit == "more than 2 restarts in 5 s"


def test_patience_begins_anew_after_a_start_that_succeeded():
    world = booted(child("a", start_timeout=1), max_restarts=9)
    world.ended("a")
    world.failed("a", was_refused=True)
    world.due()
    world.ready("a")
    world.now += 100
    world.ended("a")
    world.failed("a", was_refused=True)
    assert world.top.ledger.budget.left(world.now) == 8


def test_a_nested_supervisor_whose_children_are_refused_counts_from_the_second_time_on():
    world = booted(tree("x", name="sub", max_restarts=0), max_restarts=1)
    world.ended("sub/x")
    world.failed("sub/x", was_refused=True)
    assert world.top.ledger.budget.left(world.now) == 0
    world.due()
    world.failed("sub/x", was_refused=True)
    assert world.top.end.reason is Reason.GAVE_UP


def test_a_refused_start_at_boot_is_a_failed_start():
    world = Slow(tree("a"))
    world.boot()
    world.failed("a", was_refused=True)
    assert world.top.end.reason is Reason.FAILED_TO_START
    assert world.top.exit.was_refused


def test_a_slow_loop_never_trips_the_window_but_give_up_after_ends_it():
    backoff = Backoff(initial=4, maximum=4, jitter=0, give_up_after=3)
    world = booted(child("a", backoff=backoff), max_restarts=1, window=1.0)
    world.ended("a")
    for _ in range(2):
        world.now += 10
        world.failed("a")
        world.due()
    world.now += 10
    world.failed("a")
    assert world.top.end.limit == "3 attempts in a row failed (give_up_after)"
    assert world.top.end.reason is Reason.GAVE_UP


def test_a_child_that_was_healthy_for_long_enough_begins_a_new_row():
    backoff = Backoff(immediate=0, initial=1, jitter=0, reset_after=10)
    world = booted(child("a", backoff=backoff), max_restarts=99)
    waits = []
    for healthy_for in (0.0, 9.9, 10.0, 0.0):
        world.ended("a", healthy_for=healthy_for)
        waits.append(next(world.waits())[0] - world.now)
        world.due()
        world.ready("a")
    assert waits == [1, 2, 1, 2]


def test_a_failed_start_never_begins_a_new_row():
    backoff = Backoff(immediate=0, initial=1, jitter=0, reset_after=0, give_up_after=2)
    world = booted(child("a", backoff=backoff), max_restarts=99)
    world.ended("a")
    world.due()
    world.failed("a")
    world.due()
    world.failed("a")
    assert world.top.end.limit == "2 attempts in a row failed (give_up_after)"
