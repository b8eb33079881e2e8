"""A tree in a cgroup of its own: born there, and ended there also where signals do not reach."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.guardian.client import Client, open_client
from tests.guardian.hostile import KINDS, alive, command, wait_until_gone
from tests.guardian.leaves import make_leaf, members, open_directory, remove_leaf
from tests.guardian.test_starting import output_of

from regrow._edge.guardian.records import Failed, Gone, Launched, OutOfReach
from regrow._edge.guardian.wire import Stage

STRANGER = "(setsid setpriv --reuid=65533 --clear-groups sleep {m} &)"

without_privileges = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root can make a process that we may not kill"
)


@pytest.fixture(params=["newest", "old kernel"])
def guardian(request, guardian, implementation, variant) -> list[str]:
    """Also one that is not born in its cgroup, but goes there."""
    if request.param == "newest":
        return guardian
    if implementation == "python":
        pytest.skip("it always goes there")
    return variant("NO_CLONE3")


@pytest.fixture
def leaf(marker) -> Iterator[Path]:
    leaf = make_leaf(f"guardian-test-{marker}")
    if leaf is None:
        pytest.skip("CGROUPS ARE NOT TESTED: there is none that we may make")
    yield leaf
    remove_leaf(leaf)


@contextmanager
def directory(leaf: Path) -> Iterator[int]:
    fd = open_directory(leaf)
    try:
        yield fd
    finally:
        os.close(fd)


def start(client: Client, leaf: Path, *words: str, **options) -> int:
    with directory(leaf) as fd:
        return client.start(*words, cgroup=fd, **options)


def launch(client: Client, leaf: Path, *words: str, **options) -> Launched:
    return client.launched(start(client, leaf, *words, **options))


def test_it_is_born_inside_and_its_guardians_are_not(client, leaf, marker):
    child = launch(client, leaf, *command("scrubbed", marker))
    inside = set(members(leaf))
    assert child.pid in inside
    assert not inside & {child.shim, client.nest.pid}
    client.kill(child.id)
    leaf.rmdir()


def test_it_finds_itself_there(client, leaf):
    with directory(leaf) as fd:
        text = output_of(client, "/bin/cat", "/proc/self/cgroup", cgroup=fd)
    assert f"0::/{leaf.name}" in text or f"/{leaf.name}\n" in text


def test_descriptors_and_strings_in_memory_come_along(client, leaf):
    env = {f"NAME_{i}": "x" * 1000 for i in range(300)}
    with directory(leaf) as fd:
        assert len(output_of(client, "/usr/bin/env", env=env, cgroup=fd).splitlines()) == 300


@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_leaves_nothing_of(client, leaf, marker, kind):
    child = launch(client, leaf, *command(kind, marker))
    assert not client.kill(child.id).left_some
    assert not alive(marker, guardians=False)
    leaf.rmdir()


@pytest.fixture
def powerless(guardian) -> list[str]:
    """A guardian that is root, but may not kill what belongs to others."""
    return ["setpriv", "--bounding-set=-kill", *guardian]


def wait_for_stranger(leaf: Path) -> None:
    end = time.monotonic() + 5
    while not any(owner(pid) == 65533 for pid in members(leaf)):
        assert time.monotonic() < end
        time.sleep(0.005)


def owner(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


@without_privileges
def test_a_kill_reaches_who_became_somebody_else(powerless, leaf, marker):
    with open_client(powerless) as client:
        child = launch(client, leaf, "/bin/sh", "-c", f"{STRANGER}; exec sleep {{m}}".format(m=marker))
        wait_for_stranger(leaf)
        assert not client.kill(child.id).left_some
        assert not alive(marker, guardians=False)
        assert not any(isinstance(record, OutOfReach) for record in client.told)


@without_privileges
@pytest.mark.parametrize("linger", [0.0, 0.3])
def test_the_end_of_the_main_process_does_so_too(powerless, leaf, marker, linger):
    with open_client(powerless) as client:
        is_there = '[ "$(stat -c %u /proc/$p 2> /dev/null)" = 65533 ] && exit 3'
        wait = f"while :; do for p in $(cat {leaf}/cgroup.procs); do {is_there}; done; done"
        script = f"{STRANGER}; {wait}".format(m=marker)
        gone = client.gone(start(client, leaf, "/bin/sh", "-c", script, linger=linger))
        assert not alive(marker, guardians=False)
        assert gone.status >> 8 == 3


@without_privileges
def test_the_end_of_the_supervisor_does_so_too(powerless, leaf, marker):
    supervisor = os.fork()
    if supervisor == 0:
        try:
            with open_client(powerless) as client:
                launch(client, leaf, "/bin/sh", "-c", f"{STRANGER}; exec sleep {{m}}".format(m=marker))
                wait_for_stranger(leaf)
                os.kill(os.getpid(), 9)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(supervisor, 0)[1]) == -9
    wait_until_gone(marker)


def test_what_is_no_cgroup_is_told(client, leaf, tmp_path):
    answer = client.wait(Failed, child=start(client, tmp_path, "/bin/true"))
    assert (answer.stage, answer.errno) == (Stage.CGROUP, errno.ENOENT)


def test_a_cgroup_that_is_gone_is_told(client, leaf):
    with directory(leaf) as fd:
        leaf.rmdir()
        answer = client.wait(Failed, child=client.start("/bin/true", cgroup=fd))
    assert answer.stage is Stage.CGROUP
    assert answer.errno in {errno.ENODEV, errno.ENOENT}


def test_a_start_without_its_directory_is_refused(client, leaf):
    client.gone(start(client, leaf, "/bin/true"))
    answer = client.wait(Failed, child=client.start("/bin/true", cgroup_is_missing=True))
    assert (answer.stage, answer.errno) == (Stage.REQUEST, errno.EINVAL)


def test_a_failed_start_leaves_it_empty(client, leaf):
    answer = client.wait(Failed, child=start(client, leaf, "/nowhere"))
    assert answer.stage is Stage.EXEC
    leaf.rmdir()


def test_the_others_know_nothing_of_it(client, leaf, marker):
    other = client.launch(*command("session", marker))
    child = launch(client, leaf, *command("session", marker))
    assert other.pid not in members(leaf)
    assert isinstance(client.kill(child.id), Gone)
    assert (other.pid, 0) in {(pid, 0) for pid, _ in alive(marker)}
    client.kill(other.id)
