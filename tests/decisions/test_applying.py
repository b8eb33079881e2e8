"""SEMANTICS section 9, `apply`: the supervisor of a new spec, with the fewest starts and stops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decisions.random_trees import shown
from tests.decisions.slow import Slow
from tests.decisions.trees import child, dynamic, tree

from regrow._decisions.applying import Plan, plan
from regrow._decisions.ledger import Ledger
from regrow._specs.backoff import Backoff
from regrow._specs.limit import RestartAbove
from regrow._specs.readiness import TcpPort
from regrow._specs.supervisor import AnySpec, SupervisorSpec

SPECS: list[Callable[[str], AnySpec]] = [
    child,
    lambda name: child(name, "transient"),
    lambda name: child(name, command=["other"]),
    lambda name: tree("x", name=name),
    lambda name: dynamic(name=name),
]


@st.composite
def supervisors(draw: st.DrawFn) -> SupervisorSpec:
    names = draw(st.lists(st.sampled_from("abcde"), unique=True))
    return tree(*(draw(st.sampled_from(SPECS))(name) for name in names))


def planned(old: SupervisorSpec, new: SupervisorSpec) -> Plan:
    return plan({one.name: one for one in old.children}, new)


def names(spec: SupervisorSpec) -> list[str]:
    return [one.name for one in spec.children]


@given(supervisors(), supervisors())
def test_each_entry_is_dealt_with_once_and_equal_ones_are_left_alone(old, new):
    steps = planned(old, new)
    touched = [*steps.removed, *steps.replaced, *steps.added, *steps.changed, *steps.nested]
    equal = {one.name for one in old.children if one in new.children}
    assert sorted(touched) == sorted({*names(old), *names(new)} - equal)


@given(supervisors(), supervisors())
def test_what_is_not_in_the_new_spec_is_removed_in_reverse_order(old, new):
    assert list(planned(old, new).removed) == [name for name in reversed(names(old)) if name not in names(new)]


@given(supervisors(), supervisors())
def test_what_is_only_in_the_new_spec_is_added_in_the_new_order(old, new):
    assert list(planned(old, new).added) == [name for name in names(new) if name not in names(old)]


@given(supervisors(), supervisors())
def test_supervisors_of_the_same_kind_stay_and_apply_their_own_spec(old, new):
    before, after = ({one.name: one for one in spec.children} for spec in (old, new))
    for name in planned(old, new).nested:
        assert type(before[name]) is type(after[name])
        assert not hasattr(after[name], "command")


@given(supervisors())
def test_the_same_spec_changes_nothing(spec):
    assert planned(spec, spec) == Plan()


@pytest.mark.parametrize(
    "change",
    [
        {"restart": "transient"},
        {"autostart": False},
        {"stop": 1.0},
        {"success_codes": [0, 1]},
        {"success_signals": ["SIGTERM"]},
        {"backoff": Backoff()},
        {"ready": TcpPort(80)},
        {"start_timeout": 1.0},
        {"limits": [RestartAbove(age=60)]},
    ],
    ids=str,
)
def test_what_a_living_process_does_not_notice_is_changed_in_place(change: dict[str, Any]):
    assert planned(tree(child("a")), tree(child("a", **change))) == Plan(changed=("a",))


def test_significance_is_changed_in_place():
    old = tree(child("a", "transient"), auto_shutdown="any_significant")
    new = tree(child("a", "transient", significant=True), auto_shutdown="any_significant")
    assert planned(old, new) == Plan(changed=("a",))


@pytest.mark.parametrize(
    "change",
    [
        {"command": ["other"]},
        {"cwd": "/"},
        {"env": {"A": "b"}},
        {"inherit_env": False},
        {"stdin": "pipe"},
        {"output": "discard"},
        {"containment": "proven"},
        {"strays": "keep"},
        {"umask": 0o22},
        {"nice": 1},
        {"io_priority": "idle"},
        {"affinity": [0]},
        {"rlimits": {"CORE": 0}},
        {"user": "nobody"},
        {"group": "nogroup"},
        {"extra_groups": []},
        {"no_new_privs": True},
        {"sockets": ["127.0.0.1:80"]},
        {"fds": {3: 0}},
        {"terminal": True},
        {"hang": "never"},
    ],
    ids=str,
)
def test_what_only_a_new_process_can_have_replaces_it(change: dict[str, Any]):
    assert planned(tree(child("a")), tree(child("a", **change))) == Plan(replaced=("a",))


def test_those_that_are_stopped_are_the_removed_and_the_replaced_ones():
    old, new = tree("a b c"), tree(child("a", command=["other"]), "b")
    assert planned(old, new).stopped == ("c", "a")


def test_replaced_children_come_in_the_new_order():
    old, new = tree("a b c"), tree(*(child(name, command=["other"]) for name in "cab"))
    assert planned(old, new) == Plan(replaced=("c", "a", "b"))


def test_a_process_that_becomes_a_supervisor_is_replaced():
    assert planned(tree("a"), tree(tree("x", name="a"))) == Plan(replaced=("a",))


def test_a_supervisor_that_becomes_a_dynamic_one_is_replaced():
    assert planned(tree(tree("x", name="a")), tree(dynamic(name="a"))) == Plan(replaced=("a",))


def test_a_new_order_alone_starts_and_stops_nothing():
    assert planned(tree("a b c"), tree("c a b")) == Plan()


def test_a_dynamic_supervisor_keeps_its_children():
    old = {"w": child("w")}
    assert plan(old, dynamic(max_restarts=1)) == Plan()


def test_every_field_of_a_child_is_either_taken_over_in_place_or_replaces_it():
    fields = {field.name for field in attrs.fields(type(child("a")))} - {"name"}
    assert fields == {
        *("command", "cwd", "env", "inherit_env", "restart", "significant", "autostart", "stop", "success_codes"),
        *("success_signals", "backoff", "ready", "start_timeout", "stdin", "output"),
        *("containment", "strays", "umask", "nice", "io_priority", "affinity", "rlimits", "user", "group"),
        *("extra_groups", "no_new_privs", "sockets", "fds", "terminal", "limits", "hang"),
    }, "a new field: does a living process notice it?"


# -- what the ledger takes over


def ledger(spec: SupervisorSpec) -> Ledger:
    world = Slow(spec)
    world.boot_all()
    return world.top.ledger


@given(supervisors(), supervisors())
def test_the_new_order_is_the_order_and_what_could_not_be_deleted_comes_last(old, new):
    book = ledger(old)
    book.adopt(new)
    left = [name for name in names(old) if name not in names(new)]
    assert list(book.entries) == names(new) + left
    for spec in new.children:
        assert book.entries[spec.name].spec is spec, shown(spec)


def test_entries_that_stay_keep_their_state_and_new_ones_are_down():
    book = ledger(tree("a b"))
    book.adopt(tree("c b", child("d", autostart=False)))
    states = [(name, entry.state.value, entry.is_dormant) for name, entry in book.entries.items()]
    assert states == [("c", "down", False), ("b", "ready", False), ("d", "down", True), ("a", "ready", False)]


def test_the_restarts_that_were_used_count_against_the_new_limits():
    world = Slow(tree("a", max_restarts=5))
    world.boot_all()
    for _ in range(3):
        world.ended("a")
        world.ready("a")
    world.top.ledger.adopt(tree("a", max_restarts=3, window=7.0))
    assert world.top.ledger.budget.left(0.0) == 0
    world.ended("a")
    assert world.top.exit is not None
    assert "more than 3 restarts in 7 s" in world.top.end.limit


def test_a_dynamic_supervisor_takes_over_its_settings():
    world = Slow(dynamic())
    world.boot_all()
    spec = dynamic(max_restarts=1)
    world.top.ledger.adopt(spec)
    assert world.top.ledger.spec is spec
    assert world.top.ledger.budget.max_restarts == 1
