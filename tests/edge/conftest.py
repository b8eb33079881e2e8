"""What the tests of the edge share: the launcher in each of its forms, and a watch over what it does not give back."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress

import pytest
from tests.edge.forms import FORMS
from tests.edge.recorder import Lab
from tests.guardian.compiling import ensure_compiled

from regrow._edge.local import LocalLauncher
from regrow._edge.tuning import Tuning


@pytest.fixture(params=FORMS, ids=str)
def tuning(request) -> Tuning:
    if request.param == "compiled" and ensure_compiled() is None:
        pytest.skip("THE COMPILED GUARDIAN IS NOT TESTED: there is none here")
    return FORMS[request.param]


@pytest.fixture
async def lab(tuning):
    """An open launcher; it is closed after the test, whatever still runs."""
    async with LocalLauncher(tuning=tuning).open() as opened:
        yield Lab(opened)


@pytest.fixture(autouse=True)
def everything_is_given_back(no_process_is_left):
    """Fail a test that leaves descriptors open or threads running (processes are looked at for all tests)."""
    before = descriptors()
    yield
    deadline = time.monotonic() + 2
    while (left := descriptors() - before, threads()) != (set(), set()) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert left == set()
    assert threads() == set()


def descriptors() -> set[tuple[str, str]]:
    """What is open: number and what it is."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # that of the listing itself
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))
    return found


def threads() -> set[threading.Thread]:
    """Threads of the edge. Those of trio linger for the next one who needs one."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("regrow")}
