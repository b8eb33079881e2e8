"""The guardians of an ordinary user, when the tests are run by root; else all tests are of them."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import errno
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.guardian.as_nobody import NOBODY
from tests.guardian.client import Client
from tests.guardian.hostile import alive, command, wait_until_gone
from tests.guardian.leaves import make_leaf, members, open_directory, own_cgroup, remove_leaf
from tests.guardian.test_cgroup import owner
from tests.guardian.test_deaths import test_a_nest_that_is_killed_takes_all_trees_with_it_and_they_are_told as test_nest
from tests.guardian.test_deaths import test_a_nest_that_is_stopped_is_woken_by_the_death_of_the_supervisor as test_woken
from tests.guardian.test_deaths import test_what_a_killed_shim_leaves_is_ended_by_the_nest as test_leftovers
from tests.guardian.test_namespace import init_of
from tests.guardian.test_stopping import test_a_kill_leaves_nothing_of as test_kill
from tests.guardian.test_stopping import test_a_tree_is_paused_and_resumed as test_pause
from tests.guardian.test_stopping import test_what_is_left_of_it_is_ended_before_its_end_is_told as test_leavers
from tests.guardian.test_stopping import wait_for

from regrow._edge.guardian import build
from regrow._edge.guardian.records import Failed, Launched
from regrow._edge.guardian.wire import Stage

__all__ = ["test_kill", "test_leavers", "test_leftovers", "test_nest", "test_pause", "test_woken"]

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root can become an ordinary user"
)


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that everybody may read."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture
def guardian(implementation, request, public, marker) -> list[str]:
    if implementation == "c":
        program = shutil.copy(request.getfixturevalue("compiled"), public / f"guardian-{marker}")
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", str(program)]
    program = shutil.copy(build.PYTHON, public / f"guardian-{marker}.py")
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("as_nobody.py")), str(program)]


def test_it_is_nobody(client, marker):
    child = client.launch(*command("plain", marker))
    for pid in (client.nest.pid, child.shim, child.pid):
        assert os.stat(f"/proc/{pid}").st_uid == NOBODY
    client.kill(child.id)


@pytest.mark.parametrize(
    ("stage", "option"),
    [
        (Stage.USER, {"user": 1}),
        (Stage.GROUP, {"group": 1}),
        (Stage.GROUPS, {"groups": [1]}),
        (Stage.NICE, {"nice": -5}),
        (Stage.RLIMIT, {"rlimits": [(13, 40, 40)]}),
        (Stage.IO_PRIORITY, {"io_priority": 1 << 13}),
    ],
)
def test_what_it_may_not_do_is_told(client, stage, option):
    answer = client.wait(Failed, Launched, child=client.start("/bin/true", **option))
    assert isinstance(answer, Failed)
    assert (answer.stage, answer.errno in {errno.EPERM, errno.EACCES}) == (stage, True)


def test_a_namespace_leaves_nobody_behind_when_all_are_killed_at_once(client, marker):
    answer = client.wait(Launched, Failed, child=client.start(*command("scrubbed", marker), namespace=True))
    if isinstance(answer, Failed):
        pytest.skip(f"NAMESPACES ARE NOT TESTED: {os.strerror(answer.errno)}")
    assert os.stat(f"/proc/{answer.pid}").st_uid == NOBODY
    for pid in (client.nest.pid, answer.shim, init_of(answer, marker)):
        with suppress(ProcessLookupError):  # an init ends with its shim
            os.kill(pid, signal.SIGKILL)
    client.read_to_end()
    wait_until_gone(marker)


@pytest.fixture
def delegated(marker) -> Iterator[Path]:
    """A cgroup that is nobody's, as systemd delegates it; whoever wants to move in it has to be in it."""
    group = make_leaf(f"guardian-test-{marker}")
    if group is None:
        pytest.skip("CGROUPS ARE NOT TESTED: there is none that we may make")
    for path in (group, group / "guardians", group / "leaf"):
        path.mkdir(exist_ok=True)
        for file in (path, path / "cgroup.procs", path / "cgroup.threads", path / "cgroup.kill"):
            os.chown(file, NOBODY, NOBODY)
    yield group
    for path in (group / "leaf", group / "guardians", group):
        remove_leaf(path)


def test_who_became_somebody_else_is_ended_in_a_delegated_cgroup(guardian, public, delegated, marker):
    setter = Path(shutil.copy(shutil.which("setpriv") or "", public / "setter"))
    setter.chmod(0o4755)  # as sudo would
    home = own_cgroup()
    assert home is not None
    (delegated / "guardians" / "cgroup.procs").write_text(str(os.getpid()))
    try:
        client = Client(guardian)
    finally:
        (home / "cgroup.procs").write_text(str(os.getpid()))
    try:
        directory = open_directory(delegated / "leaf")
        script = f"({setter} --reuid=65533 setsid sleep {marker} &); exec sleep {marker}"
        child = client.launch("/bin/sh", "-c", script, cgroup=directory)
        os.close(directory)
        wait_for(lambda: any(owner(pid) == 65533 for pid in members(delegated / "leaf")))
        assert not client.kill(child.id).left_some
        assert not alive(marker, guardians=False)
    finally:
        client.close()
