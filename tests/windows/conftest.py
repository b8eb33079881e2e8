"""What the tests of the launcher for Windows share: a Windows, and a launcher that has to give everything back."""

import sys
from functools import partial

import pytest
from tests.edge.recorder import Lab, until
from tests.windows.fake import FakeWindows

from regrow._edge.opened import opened
from regrow._edge.tuning import Tuning
from regrow._edge.windows.tools import JobTools

if sys.platform == "linux":
    from regrow._edge.readying import owners


@pytest.fixture
def windows():
    return FakeWindows()


def open_with(windows, tuning=None):
    """The launcher, opened."""
    return opened(partial(JobTools, tuning or Tuning(), windows))


@pytest.fixture(autouse=True)
def programs_within_us(monkeypatch):
    """The programs of the fake run in this very process, which real ones never do: so what it holds is theirs."""
    if sys.platform == "linux":
        monkeypatch.setattr(owners.Tree, "has", lambda tree, pid: True)


@pytest.fixture
async def lab(windows):
    """An open launcher; it is closed after the test, whatever still runs."""
    with windows.running():
        async with open_with(windows) as launcher:
            yield Lab(launcher)
        assert windows.left() == {}
        await until(lambda: not windows.alive)  # who was left in a job that was given back
