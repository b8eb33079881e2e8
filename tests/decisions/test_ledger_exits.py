"""SEMANTICS section 3: what an exit means to a supervisor."""

from __future__ import annotations

import pytest
from tests.decisions.slow import booted, opened
from tests.decisions.trees import GROUPS, child, dynamic, tree

from regrow._decisions.calls import StartChild, StopChild
from regrow._specs.exit import Reason

STRATEGIES = ["one_for_one", *GROUPS]
ABNORMAL = [Reason.CRASHED, Reason.HUNG, Reason.OVER_LIMIT, Reason.LOST]


# -- section 3


@pytest.mark.parametrize("reason", [Reason.NORMAL, *ABNORMAL])
def test_a_permanent_child_is_restarted_after_any_end(reason):
    world = booted("a b")
    world.ended("a", reason)
    assert world.take() == ["restart a", "start a"]


@pytest.mark.parametrize("reason", ABNORMAL)
def test_a_transient_child_is_restarted_after_an_abnormal_end(reason):
    world = booted(child("a", "transient"))
    world.ended("a", reason)
    assert world.take() == ["restart a", "start a"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_transient_child_that_ends_well_is_down_and_leaves_its_siblings_alone(strategy):
    world = booted("a", child("b", "transient"), "c", strategy=strategy, max_restarts=0)
    world.ended("b", Reason.NORMAL)
    assert world.take() == []
    assert world.states() == "a ready, b down, c ready"


@pytest.mark.parametrize("reason", [Reason.NORMAL, *ABNORMAL])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_temporary_child_is_forgotten_and_leaves_its_siblings_alone(strategy, reason):
    world = booted("a", child("b", "temporary"), "c", strategy=strategy, max_restarts=0)
    world.ended("b", reason)
    assert world.take() == ["forget b"]
    assert world.states() == "a ready, c ready"


def test_the_name_of_a_forgotten_child_is_free_again_and_calls_do_not_find_it():
    world = booted(child("a", "temporary"))
    world.ended("a")
    assert world.ask(StopChild("a")).answer == "not_found"
    world.ask(StartChild(child("a")))
    world.ready("a")
    assert world.states() == "a ready"


@pytest.mark.parametrize("restart", ["permanent", "transient"])
def test_a_nested_supervisor_that_gave_up_is_restarted_a_transient_one_too(restart):
    world = booted(tree("x", name="sub", max_restarts=0, restart=restart))
    world.ended("sub/x")
    assert world.take() == [
        *("ending sub: gave_up", "end sub: gave_up"),
        *("restart sub", "start sub", "start sub/x"),
    ]


def test_a_nested_supervisor_that_ended_by_auto_shutdown_ended_well():
    sub = {"name": "sub", "auto_shutdown": "any_significant"}
    world = booted(tree(child("x", "transient", significant=True), restart="transient", **sub))
    world.ended("sub/x", Reason.NORMAL)
    assert world.take() == ["ending sub: normal", "end sub: normal"]
    assert world.states() == "sub down"


def test_what_ends_while_we_stop_it_is_no_restart_question_whatever_its_code():
    world = booted("a", child("t", "temporary"), max_restarts=0)
    asked = world.ask(StopChild("a"))
    process = world.process("a")
    process.is_stopping = False  # it crashes before our signal reaches it
    world.ended("a", Reason.CRASHED)
    assert (asked.answer, world.states()) == ("ok", "a down, t ready")


@pytest.mark.parametrize("restart", ["transient", "temporary"])
def test_a_dynamic_child_that_ends_well_disappears(restart):
    world = opened(dynamic(restart))
    world.ask(StartChild(child("w", restart)))
    world.ready("w")
    world.take()
    world.ended("w", Reason.NORMAL)
    assert world.take() == ["forget w"]
