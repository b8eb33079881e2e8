"""Process ids that are soon another's: no signal ever reaches somebody else."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import pytest
from tests.containment.harness import FACTOR, command, result_of
from tests.edge.forms import FORMS
from tests.guardian.test_crowded import UNSHARE, has_own_limit

OPERATIONS = {"compiled": 25, "python_no_epoll_no_pidfd": 15}


@pytest.mark.timeout(120 * FACTOR)
@pytest.mark.parametrize("form", FORMS)
def test_nobody_else_is_hit_when_process_ids_are_rare(form, request):
    if form == "compiled":
        request.getfixturevalue("compiled")
    if not has_own_limit():
        pytest.skip("NOT TESTED: no private pid namespace with a limit of its own is to be had here")
    operations = OPERATIONS.get(form, 40) * max(1, FACTOR // 10)
    result = result_of([*UNSHARE, *command("warden", *command("crowded", form, operations))])
    assert result["hit"] == []
    assert result["numbers of both"] > 10, "hardly a number was used twice, so this shows nothing"
