"""SEMANTICS section 2, start-up, 5 and 6: together, and children that complete; children without autostart."""

from __future__ import annotations

from tests.decisions.slow import Slow
from tests.decisions.trees import child, tree

from regrow._decisions.calls import StartChild, StopChild
from regrow._specs.backoff import Backoff
from regrow._specs.exit import Reason
from regrow._specs.readiness import Completes


def booting(*specs, **fields) -> Slow:
    """A supervisor that has begun to start its children."""
    world = Slow(tree(*specs, **fields))
    world.boot()
    return world


def test_together_all_are_launched_at_once_and_it_is_ready_when_all_are():
    world = booting("a b c", order="together")
    assert world.take() == ["start a", "start b", "start c"]
    world.ready("c")
    world.ready("a")
    assert world.take() == []
    world.ready("b")
    assert world.take() == ["booted ."]


def test_together_the_first_failure_cancels_the_others_and_all_failures_go_up():
    world = booting("a b c d", order="together")
    world.ready("a")
    world.take()
    world.is_prompt = False
    world.failed("c")
    world.failed("b")
    world.is_prompt = True
    while world.unread():
        world.read(world.top)
    assert world.take() == ["ending .: failed_to_start", "stop d", "stop b", "stop a"]
    world.let_stop()
    assert [name for name, _ in world.top.end.culprits] == ["c", "b"]


def test_together_a_child_that_dies_while_others_start_is_restarted_at_once():
    world = booting("a b", order="together")
    world.ready("a")
    world.take()
    world.ended("a")
    assert world.take() == ["restart a", "start a"]
    world.ready("b")
    assert world.take() == ["booted ."]


# -- 2.6: Completes


def test_a_child_that_is_ready_by_completing_is_down_then_and_the_next_one_starts():
    world = booting(child("a", ready=Completes()), "b", max_restarts=0)
    assert world.take() == ["start a"]
    world.completed("a")
    assert world.take() == ["start b"]
    world.ready("b")
    assert world.states() == "a down, b ready"


def test_ending_otherwise_is_a_failed_start():
    world = booting(child("a", ready=Completes()), "b")
    world.failed("a")
    assert world.top.end.reason is Reason.FAILED_TO_START


def test_a_group_restart_runs_it_again():
    world = booting(child("a", ready=Completes()), "b", strategy="one_for_all")
    world.completed("a")
    world.ready("b")
    world.take()
    world.ended("b")
    assert world.take() == ["restart b", "start a"]
    world.completed("a")
    assert world.take() == ["start b"]


def test_a_temporary_one_is_forgotten_when_it_has_completed():
    world = booting(child("a", "temporary", ready=Completes()), "b")
    world.completed("a")
    assert world.take() == ["start a", "start b", "forget a"]


def test_one_that_completes_while_it_is_stopped_is_gone():
    world = booting(child("a", ready=Completes()), "b")
    world.shut_down()
    world.take()
    world.stopped("a")
    assert world.take() == ["end .: stopped"]


def test_one_that_completes_before_the_order_to_stop_reaches_it_is_gone():
    world = booting(child("a", ready=Completes()), "b")
    world.is_prompt = False
    world.shut_down()
    world.read(world.top)
    process = world.process("a")
    process.is_stopping = False  # it had ended before
    world.completed("a")
    world.read(world.top)
    assert world.top.end.reason is Reason.STOPPED


def test_one_that_completes_during_a_shutdown_before_its_turn_is_gone():
    world = booting("a", child("b", "temporary", ready=Completes()))
    world.ready("a")
    asked = world.ask(StartChild(child("c")))
    world.shut_down()
    world.take()
    world.completed("b")
    assert asked.answer == "ended"
    world.let_stop()
    assert world.top.end.reason is Reason.STOPPED


# -- autostart


def test_a_child_without_autostart_stays_down_until_somebody_starts_it():
    world = booting("a", child("b", autostart=False), "c")
    world.let_start()
    assert world.take() == ["start a", "start c", "booted ."]
    assert world.states() == "a ready, b down, c ready"


def test_a_stop_during_the_boot_leaves_a_child_down_and_the_boot_goes_on():
    world = booting("a b c")
    first, second = world.ask(StopChild("a")), world.ask(StopChild("c"))
    assert world.take() == ["start a", "stop a", "answer ok"]
    world.stopped("a")
    assert world.take() == ["start b", "answer ok"]
    assert first.answer == second.answer == "ok"
    world.ready("b")
    assert world.states() == "a down, b ready, c down"
    assert world.top.ledger.is_booted


def test_a_child_in_its_backoff_does_not_hold_up_the_boot():
    world = booting(child("a", backoff=Backoff(immediate=0)), "b")
    world.ready("a")
    world.ended("a")
    world.ready("b")
    assert world.top.ledger.is_booted
    assert world.states() == "a restarting, b ready"
