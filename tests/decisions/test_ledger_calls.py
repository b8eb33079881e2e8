"""SEMANTICS section 9: management calls, by the state of the entry; dynamic supervisors."""

from __future__ import annotations

import pytest
from tests.decisions.slow import Slow, booted
from tests.decisions.trees import GROUPS, child, dynamic, tree

from regrow._decisions.calls import Call, DeleteChild, RestartChild, StartChild, StartNamed, StopChild
from regrow._specs.backoff import Backoff
from regrow._specs.status import ChildCount
from regrow.exceptions import RegrowError

TABLE: list[tuple[Call, str, str, list[str], str]] = [
    (StartChild(child("b")), "up", "already_running", [], "ready"),
    (StartChild(child("b")), "down", "already_present", [], "down"),
    (StartChild(child("b")), "restarting", "already_present", [], "restarting"),
    (StartChild(child("b")), "unknown name", "ok", ["add b", "start b"], "ready"),
    (StartNamed("b"), "up", "already_running", [], "ready"),
    (StartNamed("b"), "down", "ok", ["start b"], "ready"),
    (StartNamed("b"), "restarting", "restarting", [], "restarting"),
    (StartNamed("b"), "unknown name", "not_found", [], ""),
    (StopChild("b"), "up", "ok", ["stop b"], "down"),
    (StopChild("b"), "down", "ok", [], "down"),
    (StopChild("b"), "restarting", "ok", ["cancel b", "wait no more for b"], "down"),
    (StopChild("b"), "unknown name", "not_found", [], ""),
    (RestartChild("b"), "up", "ok", ["stop b", "start b"], "ready"),
    (RestartChild("b"), "down", "ok", ["start b"], "ready"),
    (RestartChild("b"), "restarting", "ok", ["wait no more for b", "start b"], "ready"),
    (RestartChild("b"), "unknown name", "not_found", [], ""),
    (DeleteChild("b"), "up", "running", [], "ready"),
    (DeleteChild("b"), "down", "ok", ["delete b"], ""),
    (DeleteChild("b"), "restarting", "restarting", [], "restarting"),
    (DeleteChild("b"), "unknown name", "not_found", [], ""),
]


def pool(*names: str, **fields) -> Slow:
    """A dynamic supervisor with children."""
    world = Slow(dynamic(**fields))
    world.boot_all()
    for name in names:
        world.ask(StartChild(child(name, world.top.spec.template.restart)))
        world.ready(name)
    world.take()
    return world


def bring(world: Slow, state: str) -> None:
    """Bring b, which is up, into another state."""
    if state == "restarting":
        world.ended("b")
    elif state != "up":
        world.ask(StopChild("b"))
        world.settle()
    if state == "unknown name":
        world.ask(DeleteChild("b"))


@pytest.mark.parametrize(("request_", "state", "answer", "orders", "after"), TABLE)
def test_by_the_state_of_the_entry(request_, state, answer, orders, after):
    world = booted("a", child("b", backoff=Backoff(immediate=0)), "c", max_restarts=1)
    bring(world, state)
    world.take()
    asked = world.ask(request_)
    world.settle()
    assert asked.answer == answer
    assert world.take() == [*orders, f"answer {answer}"]
    assert world.state("b") == after


def test_a_child_that_is_started_by_its_spec_is_at_the_end_of_the_order():
    world = booted("a c")
    world.ask(StartChild(child("b")))
    world.settle()
    assert world.states() == "a ready, c ready, b ready"


def test_a_child_of_a_spec_without_autostart_is_started_when_it_is_asked_for():
    world = booted("a", strategy="one_for_all")
    world.ask(StartChild(child("b", autostart=False)))
    world.settle()
    world.ended("a")
    world.settle()
    assert world.states() == "a ready, b ready"


@pytest.mark.parametrize("kind", [tree, dynamic])
def test_a_significant_spec_is_refused_under_auto_shutdown_never(kind):
    world = Slow(kind(name="sub"))
    world.boot_all()
    spec = child("s", "temporary", significant=True)
    (order,) = world.top.ledger.ask("call", StartChild(spec), 0.0)
    assert str(order.error).startswith("invalid spec: s.significant: has no meaning while")
    assert world.states() == ""


def test_if_the_start_of_a_spec_fails_it_is_discarded_and_the_caller_gets_the_error():
    world = booted("a", max_restarts=0)
    asked = world.ask(StartChild(child("b")))
    world.failed("b")
    assert asked.answer == "failed"
    assert world.take() == ["add b", "start b", "forget b", "answer failed"]
    assert world.states() == "a ready"


@pytest.mark.parametrize("strategy", ["one_for_one", *GROUPS])
@pytest.mark.parametrize("request_", [StartNamed("b"), RestartChild("b")])
def test_if_the_start_of_an_entry_fails_it_stays_down_and_nothing_is_retried_or_counted(strategy, request_):
    world = booted("a b c", strategy=strategy, max_restarts=0)
    if isinstance(request_, StartNamed):
        world.ask(StopChild("b"))
        world.settle()
    asked = world.ask(request_)
    world.let_stop()
    world.failed("b")
    assert asked.answer == "failed"
    assert world.states() == "a ready, b down, c ready"
    assert world.top.ledger.budget.ages(world.now) == ()


def test_stop_child_on_a_temporary_child_forgets_it():
    world = booted(child("b", "temporary"))
    world.ask(StopChild("b"))
    world.stopped("b")
    assert world.take() == ["stop b", "forget b", "answer ok"]
    assert world.states() == ""


def test_restart_child_keeps_a_temporary_child():
    world = booted(child("b", "temporary"))
    asked = world.ask(RestartChild("b"))
    world.settle()
    assert asked.answer == "ok"
    assert world.states() == "b ready"


def test_a_temporary_child_whose_restart_by_hand_fails_stays_down():
    world = booted(child("b", "temporary"))
    asked = world.ask(RestartChild("b"))
    world.stopped("b")
    world.failed("b")
    assert asked.answer == "failed"
    assert world.states() == "b down"


@pytest.mark.parametrize("strategy", GROUPS)
def test_none_of_these_calls_triggers_a_strategy(strategy):
    world = booted("a b c", strategy=strategy)
    requests = [RestartChild("b"), StopChild("b"), StartNamed("b"), StopChild("b"), DeleteChild("b")]
    for request in [*requests, StartChild(child("b"))]:
        world.ask(request)
        world.settle()
    assert {order for order in world.take() if order[-1] in "ac"} == set()


def test_a_child_that_crashes_after_it_was_started_by_hand_is_restarted():
    world = booted("a")
    world.ask(StopChild("a"))
    world.settle()
    world.ask(StartNamed("a"))
    world.ready("a")
    world.take()
    world.ended("a")
    assert world.take() == ["restart a", "start a"]


def test_any_call_on_a_supervisor_that_is_stopping_says_so_at_once():
    world = booted("a b")
    world.shut_down()
    for request in (StartChild(child("x")), StartNamed("a"), StopChild("a"), RestartChild("a"), DeleteChild("nobody")):
        assert world.ask(request).answer == "ended"


def test_calls_that_wait_when_it_gives_up_are_told():
    world = booted("a b", max_restarts=0)
    first = world.ask(RestartChild("a"))
    second = world.ask(StopChild("a"))
    world.ended("b")
    assert [first.answer, second.answer] == ["ended", "ended"]
    world.settle()


def test_errors_name_the_path_and_what_is_the_matter():
    world = booted(tree("x", name="sub"))
    (order,) = world.find("sub").ledger.ask("call", DeleteChild("x"), 0.0)
    assert isinstance(order.error, RegrowError)
    assert str(order.error) == "sub/x: cannot delete while running; stop it first"


# -- counts


def test_count_children_says_entries_live_ones_supervisors_and_processes():
    world = booted("a b", tree("x", name="sub"), child("d", autostart=False))
    assert world.top.ledger.count() == ChildCount(entries=4, active=3, supervisors=1, processes=3)
    world.ask(StopChild("b"))
    assert world.top.ledger.count().active == 3  # it is still there
    world.stopped("b")
    assert world.top.ledger.count().active == 2


def test_a_child_that_is_dead_and_not_dealt_with_is_not_active():
    world = booted("a b", strategy="one_for_all")
    world.ask(RestartChild("a"))
    world.ended("b")
    assert world.top.ledger.count().active == 1


# -- dynamic supervisors


def test_a_dynamic_supervisor_has_no_child_at_boot():
    assert pool().states() == ""


def test_it_takes_at_most_max_children_and_a_restarting_one_counts():
    world = pool("a", "b", max_children=2)
    assert world.ask(StartChild(child("c"))).answer == "too_many"
    world.ended("a")
    assert world.ask(StartChild(child("c"))).answer == "too_many"
    world.ask(StopChild("b"))
    world.stopped("b")
    world.ask(StartChild(child("c")))
    world.settle()
    assert world.states() == "a ready, c ready"


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
def test_stop_child_makes_a_dynamic_child_disappear(restart):
    world = pool("a", "b", restart=restart)
    assert world.ask(StopChild("a")).answer is None
    world.stopped("a")
    assert world.states() == "b ready"


def test_there_is_nothing_to_delete_and_nothing_to_start_by_name():
    world = pool("a")
    assert world.ask(DeleteChild("a")).answer == "running"
    assert world.ask(StartNamed("a")).answer == "already_running"
    world.ask(StopChild("a"))
    world.stopped("a")
    assert world.ask(DeleteChild("a")).answer == "not_found"
    assert world.ask(StartNamed("a")).answer == "not_found"


def test_a_dynamic_child_whose_restart_by_hand_fails_disappears():
    world = pool("a")
    asked = world.ask(RestartChild("a"))
    world.stopped("a")
    world.failed("a")
    assert asked.answer == "failed"
    assert world.states() == ""


def test_a_failed_restart_is_retried_and_each_attempt_counts():
    world = pool("a", "b", max_restarts=2)
    world.ended("a")
    world.failed("a")
    assert world.take() == ["restart a", "start a", "restart a", "start a"]
    world.failed("a")
    assert world.take() == ["forget a", "ending .: gave_up", "stop b"]


def test_stop_child_of_a_restarting_dynamic_child_cancels_the_retry_and_forgets_it():
    world = Slow(dynamic())
    world.boot_all()
    world.ask(StartChild(child("a", backoff=Backoff(immediate=0))))
    world.ready("a")
    world.ended("a")
    world.take()
    assert world.ask(StopChild("a")).answer == "ok"
    assert world.take() == ["cancel a", "wait no more for a", "forget a", "answer ok"]


def test_a_dynamic_supervisor_may_hold_supervisors():
    world = pool("a")
    world.ask(StartChild(tree("x", name="sub")))
    world.settle()
    assert world.states("sub") == "x ready"
    world.ask(StopChild("sub"))
    world.settle()
    assert world.states() == "a ready"
