"""An application and its tree do not get into each other's way: the children of each stay its own."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from tests.containment.harness import result_of
from tests.containment.hosts import CODES, WAYS

OURS = [["exits", 7, None], ["killed", None, "SIGKILL"]]
UNKNOWN = [["exits", None, None], ["killed", None, None]]


def host(guardian: str, sigchld: str) -> dict[str, Any]:
    return result_of(
        [sys.executable, "-c", f"from tests.containment.hosts import main; main({guardian!r}, {sigchld!r})"]
    )


@pytest.mark.parametrize("sigchld", ["default", "handled", "ignored"])
def test_with_guardians_every_end_is_true_whatever_the_application_does(guardian, sigchld):
    result = host(guardian, sigchld)
    assert result["ours"] == OURS
    assert result["stays"] == 1
    assert result["is untouched"]
    if sigchld != "ignored":  # else the kernel throws away how they have ended, tree or no tree
        assert result["theirs"] == dict.fromkeys(WAYS, CODES)
    assert (result["heard"] > 0) is (sigchld == "handled")


@pytest.mark.parametrize("sigchld", ["default", "handled", "ignored"])
def test_without_guardians_an_end_that_somebody_else_has_collected_is_true_or_unknown(sigchld):
    result = host("none", sigchld)
    assert all(end in OURS + UNKNOWN for end in result["ours"])
    assert result["stays"] == 1
    assert result["is untouched"]
    if sigchld != "ignored":
        assert result["theirs"] == dict.fromkeys(WAYS, CODES)
