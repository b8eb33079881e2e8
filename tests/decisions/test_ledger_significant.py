"""SEMANTICS section 7: significant children and auto-shutdown."""

from __future__ import annotations

import pytest
from tests.decisions.slow import Slow
from tests.decisions.trees import GROUPS, child, dynamic, tree

from regrow._decisions.calls import RestartChild, StartChild, StartNamed, StopChild
from regrow._decisions.entries import Entry
from regrow._decisions.shutdown import is_due
from regrow._specs.backoff import Backoff
from regrow._specs.exit import Reason
from regrow._specs.readiness import Completes
from regrow._specs.supervisor import AutoShutdown

POLICIES = ["any_significant", "all_significant"]


def significant(name: str, restart: str = "transient", **fields):
    return child(name, restart, significant=True, **fields)


def booted(*specs, policy: str = "all_significant", **fields) -> Slow:
    world = Slow(tree(*specs, auto_shutdown=policy, **fields))
    world.boot_all()
    return world


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    ("restart", "reason"), [("transient", Reason.NORMAL), ("temporary", Reason.NORMAL), ("temporary", Reason.CRASHED)]
)
def test_the_end_of_the_only_significant_child_ends_its_supervisor_well(policy, restart, reason):
    world = booted("a", significant("s", restart), "b", policy=policy)
    world.ended("s", reason)
    world.settle()
    assert world.take()[-4:] == ["ending .: normal", "stop b", "stop a", "end .: normal"]
    assert world.top.end.culprits[0][0] == "s"


@pytest.mark.parametrize("policy", POLICIES)
def test_a_crash_that_is_restarted_triggers_nothing(policy):
    world = booted(significant("s"), policy=policy)
    world.ended("s")
    assert world.take() == ["restart s", "start s"]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_child_that_is_not_significant_triggers_nothing(policy):
    world = booted(child("a", "transient"), child("t", "temporary"), significant("s"), policy=policy)
    world.ended("a", Reason.NORMAL)
    world.ended("t")
    assert world.states() == "a down, s ready"


def test_any_the_first_of_them_ends_it():
    world = booted(significant("s"), significant("r"), policy="any_significant")
    world.ended("s", Reason.NORMAL)
    assert world.take() == ["ending .: normal", "stop r"]


def test_all_the_last_of_them_ends_it():
    world = booted(significant("s"), significant("r"))
    world.ended("s", Reason.NORMAL)
    assert world.take() == []
    world.ended("r", Reason.NORMAL)
    assert world.take() == ["ending .: normal", "end .: normal"]


def test_never_is_never():
    assert not is_due(AutoShutdown.NEVER, [])
    assert not is_due(AutoShutdown.NEVER, [Entry(significant("s"))])


def test_all_a_restarting_child_is_active():
    waits = Backoff(immediate=0)
    world = booted(significant("s", backoff=waits), significant("r"))
    world.ended("s")
    world.ended("r", Reason.NORMAL)
    assert world.states() == "s restarting, r down"


def test_all_one_that_was_stopped_by_hand_counts_as_gone():
    world = booted(significant("s"), significant("r"))
    world.ask(StopChild("s"))
    world.settle()
    world.take()
    world.ended("r", Reason.NORMAL)
    assert world.take() == ["ending .: normal", "end .: normal"]


def test_all_one_that_is_being_stopped_by_hand_counts_as_gone():
    world = booted(significant("s"), significant("r"))
    asked = world.ask(StopChild("s"))
    world.ended("r", Reason.NORMAL)
    assert asked.answer == "ended"
    world.settle()
    assert world.top.end.reason is Reason.NORMAL


def test_all_one_that_is_being_restarted_by_hand_is_active():
    world = booted(significant("s"), significant("r"))
    world.ask(RestartChild("s"))
    world.ended("r", Reason.NORMAL)
    world.settle()
    assert world.states() == "s ready, r down"


def test_all_one_that_was_started_again_by_hand_is_active():
    world = booted(significant("s"), significant("r"))
    world.ended("s", Reason.NORMAL)
    world.ask(StartNamed("s"))
    world.settle()
    world.ended("r", Reason.NORMAL)
    assert world.states() == "s ready, r down"


def test_all_a_child_added_later_counts():
    world = booted(significant("s"))
    world.ask(StartChild(significant("r", "temporary")))
    world.settle()
    world.ended("s", Reason.NORMAL)
    assert world.top.is_alive
    world.ended("r")
    assert world.top.end.reason is Reason.NORMAL


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("restart", ["transient", "temporary"])
def test_it_is_never_triggered_by_a_call(policy, restart):
    world = booted("a", significant("s", restart), policy=policy)
    world.ask(RestartChild("s"))
    world.settle()
    world.ask(StopChild("s"))
    world.settle()
    assert world.top.is_alive


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("strategy", GROUPS)
def test_it_is_never_triggered_by_being_stopped_as_a_bystander(policy, strategy):
    world = booted("a", significant("s"), significant("t", "temporary"), policy=policy, strategy=strategy)
    world.ended("a")
    world.settle()
    assert world.states() == "a ready, s ready"


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_good_end_that_a_group_restart_swallows_triggers_nothing(strategy):
    world = booted("a", significant("s"), "z", policy="any_significant", strategy=strategy)
    world.ended("a")
    world.ended("s", Reason.NORMAL)  # z is being stopped
    world.settle()
    assert world.states() == "a ready, s ready, z ready"


def test_it_is_a_good_end_to_the_supervisor_above_which_may_trigger_that_ones():
    sub = tree(significant("x"), name="sub", auto_shutdown="any_significant", restart="transient", significant=True)
    world = booted("a", sub, policy="any_significant")
    world.ended("sub/x", Reason.NORMAL)
    world.settle()
    assert world.top.end.reason is Reason.NORMAL


def test_a_permanent_nested_supervisor_is_started_again_which_uses_up_restarts():
    sub = tree(significant("x"), name="sub", auto_shutdown="any_significant")
    world = booted(sub, max_restarts=1)
    world.ended("sub/x", Reason.NORMAL)
    world.settle()
    world.ended("sub/x", Reason.NORMAL)
    assert world.top.end.reason is Reason.GAVE_UP


def test_a_significant_one_that_completes_ends_its_supervisor_when_the_boot_is_over():
    world = Slow(tree(significant("s", ready=Completes()), "a", auto_shutdown="any_significant"))
    world.boot()
    world.completed("s")
    world.ready("a")
    assert world.take() == ["start s", "start a", "booted .", "ending .: normal", "stop a"]


def test_a_dynamic_supervisor_ends_with_its_last_significant_child():
    world = Slow(dynamic("temporary", significant_template=True, auto_shutdown="all_significant"))
    world.boot_all()
    for name in "vw":
        world.ask(StartChild(significant(name, "temporary")))
        world.ready(name)
    world.ended("v")
    assert world.top.is_alive
    world.ended("w")
    assert world.top.end.reason is Reason.NORMAL
