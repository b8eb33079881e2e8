"""What all tests share: none of them may leave a process behind."""

import os
import signal
import sys
import time
import uuid
import zlib
from contextlib import suppress

import psutil
import pytest

collect_ignore = [] if sys.platform == "linux" else ["guardian"]  # it is for Linux only, and so are its tests

# Every process that inherits our environment can be told by it, also a daemon that is no descendant any more; and
# tests that run beside us, in another worker, are not mistaken for ours.
TAG = "REGROW_TEST_RUN"
RUN = os.environ[TAG] = uuid.uuid4().hex

# A shell that starts us in the background has us ignore what a terminal sends, and so would every program of a test.
for name, usual in {"SIGINT": signal.default_int_handler, "SIGQUIT": signal.SIG_DFL}.items():
    number = getattr(signal, name, None)
    if number is not None and signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, usual)

THINNED = {
    "guardian/test_namespace.py": 8,
    "guardian/test_cgroup.py": 3,
    "containment/test_killing.py": 4,
    "containment/test_stopping.py": 3,
    "containment/test_soaking.py": 2,
    "edge/cgroups/test_cgroups_children.py": 3,
    "edge/test_survivors_ending.py": 2,
    "edge/test_conformance.py": 2,
    "edge/test_notify.py": 2,
    "edge/test_readiness_facts.py": 2,
    "edge/test_readiness_ports.py": 2,
    "edge/test_sources.py": 2,
}
"""Of the cases of these files, which take seconds, the usual run takes one in so many; `nox -s soak` the others."""

PATIENCE = 1.0
"""Seconds that a process may take to vanish after the test: the kernel and init are not ours to hurry."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Leave most of the cases that take long to `nox -s soak`: the same ones in every run, and in every worker."""
    for item in items:
        place = item.nodeid.partition("::")[0].removeprefix("tests/")
        if zlib.crc32(item.nodeid.encode()) % THINNED.get(place, 1):
            item.add_marker(pytest.mark.soak)


@pytest.fixture(autouse=True)
def no_process_is_left():
    """Fail a test that leaves a process behind, a zombie too; and end it, so that the next test starts clean."""
    before = set(psutil.pids())  # one listing of /proc: cheap enough for every test
    yield
    left = leftovers(before)
    deadline = time.monotonic() + PATIENCE
    while left and time.monotonic() < deadline:
        time.sleep(0.01)
        left = leftovers(before)
    if left:
        story = "\n".join(f"  {describe(process)}" for process in left)
        end(left)
        pytest.fail(f"processes were left behind:\n{story}", pytrace=False)


def leftovers(before):
    """Our processes with a pid that is not one of *before*."""
    # A pid of before that was reused for a leftover would be missed, but nothing is ever blamed wrongly: a psutil
    # process is a pid and its start time, so what is ended below is what was found here.
    return [process for pid in set(psutil.pids()) - before if (process := find(pid)) and is_ours(process)]


def find(pid):
    """The process *pid*, or `None` if it is gone by now."""
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def is_ours(process):
    """Whether it has our environment or, with an environment that says nothing, descends from us."""
    try:
        run = process.environ().get(TAG)
        return run == RUN if run else any(parent.pid == os.getpid() for parent in process.parents())
    except psutil.Error:  # gone, or somebody else's
        return False


def describe(process):
    """Who it is, for people."""
    try:
        with process.oneshot():
            command = " ".join(process.cmdline()) or process.name()
            return f"{process.pid} (child of {process.ppid()}, {process.status()}): {command}"
    except psutil.Error:
        return f"{process.pid} (gone by now)"


def end(processes):
    """Kill them, and reap those that are our own children."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=PATIENCE)
