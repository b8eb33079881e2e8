"""The guardians that the real product is tested with."""

from __future__ import annotations

import sys

import pytest
from tests.guardian.compiling import ensure_compiled

collect_ignore_glob = [] if sys.platform == "linux" else ["*"]  # guardians are for Linux only


@pytest.fixture(scope="session")
def compiled() -> None:
    """Have the compiled guardian, or skip."""
    if ensure_compiled() is None:
        pytest.skip("THE COMPILED GUARDIAN IS NOT TESTED: there is none here")


@pytest.fixture(params=["compiled", "python"])
def guardian(request) -> str:
    if request.param == "compiled":
        request.getfixturevalue("compiled")
    return request.param
