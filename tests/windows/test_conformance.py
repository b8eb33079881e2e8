"""The launcher for Windows keeps the promises of a launcher, as far as Windows knows what they are about."""

from contextlib import asynccontextmanager

import attrs
import pytest
from tests.edge.recorder import until
from tests.windows.conftest import open_with
from tests.windows.fake import FakeWindows
from tests.windows.processes import CONTROL_C_EXIT
from tests.windows.programs import ENDED_BY_NUMBER

from regrow._edge.windows.jobs import KILLED
from regrow._edge.windows.limits import missing
from regrow._specs.facts import Exited
from regrow._specs.signals import signal_name
from regrow.testing import LAUNCHER_CHECKS, Conditions, run_check

NOT_HERE = {
    "a_file_that_is_no_program_is_refused": "Windows says of such a file that its format is bad, not that access is",
    "a_signal_reaches_it": "SIGUSR1 cannot be sent",
    "steps_come_in_turn_each_with_its_wait": "SIGUSR1 cannot be sent",
    "a_stop_asks_whom_it_is_to_ask": "SIGUSR1 cannot be sent, and Ctrl-Break reaches the group only",
    "a_signal_reaches_whom_it_is_to_reach": "SIGUSR1 cannot be sent, and Ctrl-Break reaches the group only",
    "a_pause_holds_the_whole_tree": "SIGUSR1 cannot be sent to tell whether it does",
    "it_begins_with_default_signals": "there are no signals to begin with",
    "it_leads_a_session_and_has_no_terminal": "there are no sessions of this kind",
}
"""Promises about what Windows does not have, by the names of their checks."""


def in_posix(fact):
    """An exit in the words of POSIX, which the checks use: an exit code of Windows is what there a signal is."""
    if not isinstance(fact, Exited):
        return fact
    signals = {CONTROL_C_EXIT: "SIGTERM", KILLED: "SIGKILL"}
    code = fact.code or 0
    name = signals.get(code) or (signal_name(code - ENDED_BY_NUMBER) if code >= ENDED_BY_NUMBER else None)
    return fact if name is None else attrs.evolve(fact, code=None, signal=name)


class InPosix:
    """An open launcher whose facts are in the words of POSIX."""

    def __init__(self, opened):
        self._opened = opened

    async def launch(self, key, spec, report):
        return await self._opened.launch(key, spec, lambda fact: report(in_posix(fact)))

    def __getattr__(self, name):
        return getattr(self._opened, name)


class Launcher:
    """The launcher for Windows, on the Windows of a test."""

    containment = "job"

    def __init__(self, windows):
        self._windows = windows

    def check(self, spec):
        return missing(spec)

    @asynccontextmanager
    async def open(self):
        async with open_with(self._windows) as opened:
            yield InPosix(opened)


@pytest.fixture(params=["usual", "late", "silent"])
def windows(request):
    """Windows; one where a process ends a while after it is told; and one where all messages get lost."""
    found = FakeWindows()
    found.ends_late = 0.02 if request.param == "late" else 0.0
    found.loses_messages = request.param == "silent"
    return found


@pytest.mark.parametrize("check", LAUNCHER_CHECKS, ids=lambda check: check.__name__)
async def test_a_launcher_for_windows_keeps_its_promise(check, windows):
    if check.__name__ in NOT_HERE:
        pytest.skip(NOT_HERE[check.__name__])
    conditions = Conditions(is_alive=windows.is_alive, is_there=windows.is_alive)
    with windows.running():
        await run_check(check, lambda: Launcher(windows), conditions)
        assert windows.left() == {}
        await until(lambda: not windows.alive)  # kept strays, which end with the launcher's job


def test_what_is_left_out_is_there():
    assert set(NOT_HERE) <= {check.__name__ for check in LAUNCHER_CHECKS}
