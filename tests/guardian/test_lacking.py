"""The same promises on an older kernel: without pidfds, or without a list of children."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import pytest
from tests.guardian.test_deaths import test_a_nest_that_is_killed_takes_all_trees_with_it_and_they_are_told as test_nest
from tests.guardian.test_deaths import test_a_nest_that_is_stopped_is_woken_by_the_death_of_the_supervisor as test_woken
from tests.guardian.test_deaths import test_all_shims_are_killed_at_once as test_shims
from tests.guardian.test_deaths import test_what_a_killed_shim_leaves_is_ended_by_the_nest as test_leftovers
from tests.guardian.test_spare import test_a_spare_ends_with_its_nest as test_spare
from tests.guardian.test_starting import test_idle_guardians_never_wake_up as test_idle
from tests.guardian.test_stopping import test_a_kill_leaves_nothing_of as test_kill
from tests.guardian.test_stopping import test_a_tree_is_paused_and_resumed as test_pause
from tests.guardian.test_stopping import test_what_is_left_of_it_is_ended_before_its_end_is_told as test_leavers

__all__ = [
    "test_idle",
    "test_kill",
    "test_leavers",
    "test_leftovers",
    "test_nest",
    "test_pause",
    "test_shims",
    "test_spare",
    "test_woken",
]


@pytest.fixture(params=["NO_PIDFD", "NO_CHILDREN_FILE"])
def guardian(request, variant) -> list[str]:
    return variant(request.param)


def test_it_is_said(client, request):
    hello = client.hello()
    assert hello.has_pidfd == ("NO_PIDFD" not in request.node.name)
    assert hello.has_children_file == ("NO_CHILDREN_FILE" not in request.node.name)
