"""SEMANTICS section 2, start-up, 1 to 4. Tests are in the words of the orders that the ledgers give."""

from __future__ import annotations

import pytest
from tests.decisions.slow import Slow
from tests.decisions.trees import GROUPS, child, children, dynamic, tree

from regrow._decisions.calls import StartNamed
from regrow._specs.exit import Exit, Reason


def booting(*specs, **fields) -> Slow:
    """A supervisor that has begun to start its children."""
    world = Slow(tree(*specs, **fields))
    world.boot()
    return world


def test_children_start_in_list_order_each_when_the_one_before_is_ready():
    world = booting("b a c")
    assert world.take() == ["start b"]
    world.ready("b")
    assert world.take() == ["start a"]
    world.ready("a")
    assert world.take() == ["start c"]
    world.ready("c")
    assert world.take() == ["booted ."]


def test_a_supervisor_without_children_is_ready_at_once():
    assert booting().take() == ["booted ."]
    world = Slow(dynamic())
    world.boot()
    assert world.take() == ["booted ."]


def test_a_nested_supervisor_is_ready_when_all_of_its_children_are():
    world = booting("a", tree("x y", name="sub"), "b")
    world.ready("a")
    world.ready("sub/x")
    assert world.take() == ["start a", "start sub", "start sub/x", "start sub/y"]
    world.ready("sub/y")
    assert world.take() == ["booted sub", "start b"]


@pytest.mark.parametrize("strategy", ["one_for_one", *GROUPS])
def test_if_a_child_fails_to_start_those_up_are_stopped_in_reverse_those_after_are_never_touched(strategy):
    world = booting("a b c d", strategy=strategy)
    world.ready("a")
    world.ready("b")
    world.take()
    world.failed("c")
    assert world.take() == ["ending .: failed_to_start", "stop b"]
    world.stopped("b")
    assert world.take() == ["stop a"]
    world.stopped("a")
    assert world.take() == ["end .: failed_to_start"]


def test_a_failed_start_at_boot_is_not_retried_and_not_counted():
    world = booting("a", max_restarts=10)
    world.failed("a")
    assert world.take() == ["start a", "ending .: failed_to_start", "end .: failed_to_start"]
    assert world.top.ledger.budget.left(world.now) == 10


def test_who_waits_when_the_boot_fails_is_told_before_the_end():
    world = booting("a", tree("x", name="sub"))
    asked = world.ask(StartNamed("a"))
    world.take()
    world.failed("a")
    assert asked.answer == "ended"
    assert world.take() == ["ending .: failed_to_start", "answer ended", "end .: failed_to_start"]


def test_the_error_goes_up_with_the_culprit_and_its_exit():
    world = booting("a")
    world.failed("a", why="no such file", tail=("line",))
    (culprit,) = world.top.end.culprits
    assert (culprit[0], culprit[1].why, culprit[1].tail) == ("a", "no such file", ("line",))
    assert not world.top.end.limit


def test_to_a_supervisor_above_it_is_a_failed_start_of_that_child():
    world = booting("a", tree("x", name="sub"), "b")
    world.ready("a")
    world.failed("sub/x")
    world.let_stop()
    assert world.take() == [
        *("start a", "start sub", "start sub/x"),
        *("ending sub: failed_to_start", "end sub: failed_to_start"),
        *("ending .: failed_to_start", "stop a", "end .: failed_to_start"),
    ]


def test_an_order_to_stop_is_obeyed_during_the_boot():
    world = booting("a b c")
    world.ready("a")
    world.take()
    world.shut_down()
    assert world.take() == ["ending .: stopped", "stop b"]
    world.stopped("b")
    world.stopped("a")
    assert world.take() == ["stop a", "end .: stopped"]


def test_a_child_that_becomes_ready_while_it_is_stopped_is_stopped():
    world = booting("a b")
    world.ready("a")
    world.is_prompt = False
    world.shut_down()
    world.ready("b")  # the news of it is behind the order
    world.is_prompt = True
    world.take()
    world.read(world.top)
    world.read(world.top)
    assert world.take() == ["ending .: stopped", "stop b"]


# -- 2.4: a child that dies while later siblings start


@pytest.mark.parametrize("strategy", GROUPS)
def test_under_a_group_strategy_its_exit_waits_until_the_boot_is_over(strategy):
    world = booting("a b", strategy=strategy)
    world.ready("a")
    world.take()
    world.ended("a")
    assert world.take() == []
    world.ready("b")
    assert world.take() == ["booted .", "restart a", "stop b"]
    world.stopped("b")
    assert world.take() == ["start a"]


def test_under_one_for_one_it_is_handled_at_once():
    world = booting("a b")
    world.ready("a")
    world.take()
    world.ended("a")
    assert world.take() == ["restart a", "start a"]
    world.ready("b")
    assert world.take() == ["booted ."]


def test_giving_up_during_the_boot_is_a_failed_start():
    world = booting("a", tree("x y", name="sub", max_restarts=0), "b")
    world.ready("a")
    world.ready("sub/x")
    world.take()
    world.ended("sub/x")
    assert world.take() == ["ending sub: failed_to_start", "stop sub/y"]
    world.stopped("sub/y")
    assert world.take() == ["end sub: failed_to_start", "ending .: failed_to_start", "stop a"]
    assert world.top.is_alive
    world.stopped("a")
    assert world.top.exit == Exit(Reason.FAILED_TO_START)


@pytest.mark.parametrize("strategy", GROUPS)
def test_an_exit_that_waits_is_swallowed_if_the_boot_fails(strategy):
    world = booting("a b", strategy=strategy)
    world.ready("a")
    world.ended("a")
    world.take()
    world.failed("b")
    assert world.take() == ["ending .: failed_to_start", "end .: failed_to_start"]


@pytest.mark.parametrize("strategy", GROUPS)
def test_the_end_of_a_temporary_child_waits_too(strategy):
    world = booting(child("a", "temporary"), "b", strategy=strategy)
    world.ready("a")
    world.take()
    world.ended("a")
    assert world.take() == []
    world.ready("b")
    assert world.take() == ["booted .", "forget a"]


def test_auto_shutdown_waits_for_the_end_of_the_boot():
    significant = children("a", "temporary", significant=True)
    world = booting(significant, "b", auto_shutdown="any_significant")
    world.ready("a")
    world.take()
    world.ended("a")
    assert world.take() == ["forget a"]
    world.ready("b")
    assert world.take() == ["booted .", "ending .: normal", "stop b"]


def test_a_supervisor_that_ends_by_auto_shutdown_as_soon_as_it_is_up_was_up():
    sub = tree(child("x", "temporary", significant=True), "y", name="sub", auto_shutdown="any_significant")
    world = booting(sub, "b")
    world.ready("sub/x")
    world.ended("sub/x")
    world.ready("sub/y")
    world.take()
    world.stopped("sub/y")
    world.ready("sub/x")
    world.ready("b")
    assert world.take() == [
        *("end sub: normal", "restart sub", "start sub", "start sub/x"),
        *("start sub/y", "booted ."),
    ]
