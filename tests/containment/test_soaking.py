"""Restarts without end leave nothing behind, and no body lies about while somebody could reap it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.containment.harness import torture

COUNTED = ("fds", "threads", "tasks", "nest_fds", "nest_children")
KIB = 4096
"""How much memory may seem to have been added: what Python and the C library keep for later moves about that much."""


def assert_nothing_is_left_behind(result: dict[str, Any]) -> None:
    before, after = result["before"], result["after"]
    assert {name: after[name] for name in COUNTED} == {name: before[name] for name in COUNTED}
    assert after["memory"] < before["memory"] + KIB
    assert after["nest_memory"] < before["nest_memory"] + KIB
    assert result["zombies left lying"] == []


@pytest.mark.parametrize("form", ["compiled", "python", "none"])
def test_thousands_of_restarts_leave_nothing_behind(form, request):
    if form == "compiled":
        request.getfixturevalue("compiled")
    result = torture("soaking", form, 5_000, 8)  # or as many as there are in eight seconds
    assert result["restarts"] > 100
    assert_nothing_is_left_behind(result)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("form", ["compiled", "python", "none"])
def test_a_hundred_thousand_restarts_leave_nothing_behind(form, request):
    if form == "compiled":
        request.getfixturevalue("compiled")
    result = torture("soaking", form, 100_000, 3500)
    assert result["restarts"] >= 100_000
    assert_nothing_is_left_behind(result)
