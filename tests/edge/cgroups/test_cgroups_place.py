"""Where groups can be made: found on this machine, as others see it, or in words why not."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import shutil
import subprocess

import pytest
from tests.edge.cgroups.ground import NOBODY, own_place, sleep_in

from regrow._edge.cgroups import place
from regrow._edge.cgroups.place import Place, find_cgroup

FIND = "print(find_cgroup())"
DRY = "print(find_cgroup(is_tried=False))"

with_nothing_above = pytest.mark.skipif(
    os.geteuid() != 0 and not isinstance(find_cgroup(), str), reason="a group further up would do, which we were given"
)


@pytest.fixture
def fake(tmp_path):
    """A machine of our own invention."""

    def make(cgroup="0::/\n", point=tmp_path / "mount", root="/"):
        (tmp_path / "mount").mkdir(exist_ok=True)
        (tmp_path / "mountinfo").write_text(f"30 23 0:26 {root} {point} rw - cgroup2 cgroup2 rw\n")
        (tmp_path / "cgroup").write_text(cgroup)
        return lambda environ=(): find_cgroup(str(tmp_path), dict(environ))

    return make


def test_this_machine_has_a_place_or_says_why_not(own):
    assert os.path.isdir(own.path)
    assert own == own_place()


def test_no_proc_no_groups(tmp_path):
    assert "cannot be seen" in str(find_cgroup(str(tmp_path), {}))


def test_nothing_is_mounted(fake, tmp_path):
    find = fake()
    (tmp_path / "mountinfo").write_text("23 1 0:21 / / rw - ext4 /dev/vda rw\n")
    assert find() == "no control groups of version 2 are mounted here"


def test_we_are_in_none(fake):
    assert fake("8:pids:/\n")() == "we are in no control group of version 2"


def test_ours_has_been_removed(fake):
    assert "has been removed" in fake("0::/a (deleted)\n")()


def test_ours_is_outside_of_our_namespace(fake):
    assert "outside of what this container shows" in fake("0::/../a\n")()


def test_ours_is_not_below_what_is_mounted(fake):
    assert "(/a) is not below" in fake("0::/a\n", root="/b")()


def test_what_is_mounted_is_something_else(fake, tmp_path):
    assert fake()() == f"{tmp_path}/mount is no control group"


def test_a_directory_that_looks_like_a_group_is_none(fake, tmp_path):
    find = fake()
    (tmp_path / "mount" / "cgroup.procs").touch()
    assert "cannot be read: No such file or directory" in str(find())
    assert [path.name for path in (tmp_path / "mount").iterdir()] == ["cgroup.procs"]


def test_an_old_kernel_has_no_kill(tmp_path):
    (tmp_path / "cgroup.type").write_text("domain\n")
    directory = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(Exception, match=r"older than 5.14: it has no cgroup\.kill"):
        place._look_at(directory, "/somewhere")
    os.close(directory)


# -- real groups -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("find", [FIND, DRY])
def test_the_best_place_is_the_group_that_we_are_in(ground, find):
    ground.make("a")
    expected = Place(str(ground.path / "a"), is_own=True)
    assert ground.run(find, within="a") == str(expected)
    assert not (ground.path / "a" / "regrow").exists()
    assert ground.inside() == ["a"]


def test_the_trial_leaves_nothing(ground):
    ground.run(FIND)
    assert ground.inside() == []


def test_a_group_that_is_not_ours_is_no_place(ground, as_root):
    assert f"belongs to user 0, and we are user {NOBODY}" in ground.run("drop()", FIND)


@pytest.mark.parametrize("find", [FIND, DRY])
def test_a_delegated_group_is_one(ground, as_root, find):
    ground.give_to(NOBODY)
    assert ground.run("drop()", find) == str(Place(str(ground.path), is_own=True))


def test_the_right_to_make_groups_is_not_enough(ground, as_root):
    os.chown(ground.path, NOBODY, NOBODY)
    assert "processes cannot be moved below" in ground.run("drop()", FIND)


def test_a_group_above_ours_that_is_delegated_is_one(ground, as_root):
    ground.make("main")
    ground.give_to(NOBODY)
    assert ground.run("drop()", FIND, within="main") == str(Place(str(ground.path), is_own=False))


def test_to_root_what_is_above_is_no_place(ground, as_root):
    group = ground.make("main")
    (group / "cgroup.max.descendants").write_text("0")
    assert "as many groups" in ground.run(FIND, within="main")


@with_nothing_above
def test_a_full_group_is_none(ground):
    (ground.path / "cgroup.max.descendants").write_text("0")
    assert "there are as many groups, or as many one below the other, as there may be" in ground.run(FIND)


@with_nothing_above
def test_a_deep_group_is_none(ground):
    (ground.path / "cgroup.max.depth").write_text("0")
    assert "there are as many groups, or as many one below the other, as there may be" in ground.run(FIND)


@with_nothing_above
def test_a_group_of_threads_is_none(ground):
    (ground.make("threads") / "cgroup.type").write_text("threaded")
    assert "are for threads, not for processes" in ground.run(FIND)


def test_a_read_only_mount_is_no_place(ground, own, as_root):
    _needs_unshare()
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    prefix = ["unshare", "--mount", "/bin/sh", "-c", script, own.path]
    assert "mounted read-only" in ground.run(FIND, prefix=prefix)


def test_in_a_namespace_that_shows_only_our_group_it_is_the_place(ground, as_root, tmp_path):
    _needs_unshare()
    prefix = ["unshare", "--cgroup", "--mount", "/bin/sh", "-c", 'mount -t cgroup2 none "$0" && exec "$@"', tmp_path]
    lines = ["import shutil", "found = find_cgroup()", "print(found)"]
    assert ground.run(*lines, prefix=prefix) == str(Place(str(tmp_path), is_own=True))


def test_in_a_namespace_with_the_mount_of_another_it_is_not_found(ground, as_root):
    _needs_unshare()
    assert "is not below" in ground.run(FIND, prefix=["unshare", "--cgroup"])


def _needs_unshare():
    if shutil.which("unshare") is None or subprocess.run(["unshare", "--cgroup", "--mount", "true"]).returncode:
        pytest.skip("there can be no namespaces here")


# -- a place that was asked for ----------------------------------------------------------------------------------------


def test_what_was_asked_for_is_the_place(ground):
    ground.make("a")
    wanted = ground.make("b")
    environ = {**os.environ, "REGROW_CGROUP": str(wanted)}
    assert ground.run(FIND, within="a", env=environ) == str(Place(str(wanted), is_own=False))


@pytest.mark.parametrize("above", ["", "a"])
def test_unless_we_are_in_it_already(ground, above):
    ground.make("a")
    own = ground.make("a/b")
    environ = {**os.environ, "REGROW_CGROUP": str(ground.path / above)}
    assert ground.run(FIND, within="a/b", env=environ) == str(Place(str(own), is_own=True))


def test_what_was_asked_for_in_vain_is_not_used(ground, tmp_path):
    for wanted in (str(ground.path / "none"), str(tmp_path)):
        found = ground.run(FIND, env={**os.environ, "REGROW_CGROUP": wanted})
        assert found == str(Place(str(ground.path), is_own=True))


@with_nothing_above
def test_in_words_what_was_asked_for_in_vain(ground, tmp_path):
    (ground.path / "cgroup.max.descendants").write_text("0")
    nowhere = str(ground.path / "none")
    assert f"{nowhere}: No such file" in ground.run(FIND, env={**os.environ, "REGROW_CGROUP": nowhere})
    said = ground.run(FIND, env={**os.environ, "REGROW_CGROUP": str(tmp_path)})
    assert f"REGROW_CGROUP={tmp_path} is not below" in said


def test_a_place_is_described(own):
    words = Place("/a", is_own=True, controllers=frozenset({"pids"})).describe()
    assert words == "/a, the group that we are in; counted there: CPU time, pids; not counted: memory"
    assert own.path in own.describe()


def test_groups_that_are_not_ours_are_left_alone(ground):
    group = ground.make("a")
    process = sleep_in(group)
    ground.run(FIND)
    assert process.poll() is None
    process.kill()
    process.wait()
