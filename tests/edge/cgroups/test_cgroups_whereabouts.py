"""What /proc says of control groups, on all kinds of machines."""

from __future__ import annotations

import pytest

from regrow._edge.cgroups.whereabouts import Mount, directory_of, read_mounts, read_own, why_hidden

HYBRID = r"""
23 1 0:21 / / rw,relatime - ext4 /dev/vda rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
"""
UNIFIED = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
ABOVE_THE_NAMESPACE = "30 23 0:26 /../../.. /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n"
BOUND = r"30 23 0:26 /user.slice/a\040b /mnt/my\040groups rw - cgroup2 cgroup2 rw" + "\n"


@pytest.mark.parametrize(
    ("mountinfo", "mounts"),
    [
        pytest.param(HYBRID, [Mount("/", "/sys/fs/cgroup/unified")], id="hybrid"),
        pytest.param(UNIFIED, [Mount("/", "/sys/fs/cgroup")], id="unified"),
        pytest.param(BOUND, [Mount("/user.slice/a b", "/mnt/my groups")], id="a part of it"),
        pytest.param(ABOVE_THE_NAMESPACE, [Mount("/../../..", "/sys/fs/cgroup")], id="from above"),
        pytest.param(UNIFIED + BOUND.replace(r"/mnt/my\040groups", "/sys/fs/cgroup"),
                     [Mount("/user.slice/a b", "/sys/fs/cgroup")], id="one covers another"),
        pytest.param("31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n", [], id="none"),
        pytest.param("", [], id="nothing"),
    ],
)  # fmt: skip
def test_mounts_are_found(mountinfo, mounts):
    assert read_mounts(mountinfo) == mounts


def test_our_own_group_is_that_of_version_2():
    assert read_own("8:pids:/a\n1:name=systemd:/b\n0::/user.slice/c:d\n") == "/user.slice/c:d"
    assert read_own("8:pids:/a\n") is None


@pytest.mark.parametrize(
    ("group", "mount", "directory"),
    [
        ("/", Mount("/", "/sys/fs/cgroup"), "/sys/fs/cgroup"),
        ("/a/b", Mount("/", "/sys/fs/cgroup"), "/sys/fs/cgroup/a/b"),
        ("/a/b", Mount("/a", "/mnt"), "/mnt/b"),
        ("/a", Mount("/a", "/mnt"), "/mnt"),
        ("/ab", Mount("/a", "/mnt"), None),
        ("/", Mount("/a", "/mnt"), None),
        ("/", Mount("/..", "/mnt"), None),
        ("/x", Mount("/../..", "/mnt"), None),
    ],
)
def test_a_group_is_a_directory_below_a_mount_that_shows_it(group, mount, directory):
    assert directory_of(group, mount) == directory


def test_what_cannot_be_found_is_said_in_words():
    assert why_hidden("/a/b") == why_hidden("/") == ""
    assert why_hidden("/a (deleted)") == "the control group that we are in (/a) has been removed"
    assert "outside of what this container shows" in why_hidden("/../a")
