"""What a child is born with because its spec says so; and which of it could not be had."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import errno
import os
import resource
import select
import shutil
import signal
from pathlib import Path

import psutil
import pytest
from tests.edge.pidfds import needs_pidfd
from tests.guardian.client import PATIENCE, open_client
from tests.guardian.hostile import alive, command, facts
from tests.guardian.test_starting import output_of

from regrow._edge.guardian import wire
from regrow._edge.guardian.records import Failed, Lost
from regrow._edge.guardian.wire import Stage

PYTHON = (sys.executable, "-I", "-S", "-c")
NONE = 2**64 - 1
RLIMIT_NICE = 13
CAP_SYS_RESOURCE = 24
NOBODY, OTHERS = 65534, (65533, 65532)
BEST_EFFORT_7 = 2 << 13 | 7

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
without_privileges = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root can lose a single privilege"
)


def failed(client, *, stage: Stage, **options) -> Failed:
    answer = client.wait(Failed, child=client.start("/bin/true", **options))
    assert answer.stage is stage, answer
    return answer


def status(text: str) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_limits_are_set(client):
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    wanted = [(resource.RLIMIT_NOFILE, 100, 200), (resource.RLIMIT_CORE, 0, hard if hard >= 0 else NONE)]
    script = (
        "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE))"
    )
    assert output_of(client, *PYTHON, script, rlimits=wanted) == f"(100, 200) (0, {hard})\n"


def test_a_limit_that_is_refused_is_told(client):
    wanted = [(resource.RLIMIT_CORE, 0, 0), (resource.RLIMIT_NOFILE, 2, 1)]
    answer = failed(client, stage=Stage.RLIMIT, rlimits=wanted)
    assert (answer.errno, answer.candidate) == (errno.EINVAL, 1)
    assert failed(client, stage=Stage.RLIMIT, rlimits=[(999, 0, 0)]).errno == errno.EINVAL


def test_a_limit_of_descriptors_is_for_those_that_the_child_opens(client):
    client.launch("/bin/true", fds=[0] * 8, rlimits=[(resource.RLIMIT_NOFILE, 4, 4)])


def test_a_limit_of_memory_is_for_the_child_alone(client):
    client.launch("/bin/true", rlimits=[(resource.RLIMIT_AS, 1 << 20, 1 << 20)])
    client.gone(client.start("/bin/true"))


def test_affinity_and_priorities_are_set(client):
    cpu = min(os.sched_getaffinity(0))
    child = client.launch("/bin/sleep", "100", affinity=[cpu], nice=os.nice(0) + 3, io_priority=BEST_EFFORT_7)
    process = psutil.Process(child.pid)
    assert os.sched_getaffinity(child.pid) == {cpu}
    assert process.nice() == os.nice(0) + 3
    assert (process.ionice().ioclass, process.ionice().value) == (2, 7)
    client.kill(child.id)


def test_an_affinity_or_a_priority_that_cannot_be_is_told(client):
    assert failed(client, stage=Stage.AFFINITY, affinity=[8000]).errno == errno.EINVAL
    assert failed(client, stage=Stage.IO_PRIORITY, io_priority=7 << 13).errno == errno.EINVAL


@as_root
def test_it_becomes_another_user(client):
    text = output_of(
        client, "/bin/cat", "/proc/self/status", user=NOBODY, group=OTHERS[0], groups=OTHERS, no_new_privs=True
    )
    told = status(text)
    assert told["Uid"].split() == [str(NOBODY)] * 4
    assert told["Gid"].split() == [str(OTHERS[0])] * 4
    assert told["Groups"].split() == [str(group) for group in sorted(OTHERS)]
    assert told["CapPrm"] == told["CapEff"] == "0" * 16
    assert told["NoNewPrivs"] == "1"


@as_root
@needs_pidfd
@pytest.mark.parametrize("options", [{}, {"user": NOBODY}, {"group": NOBODY}])
def test_the_main_process_dies_with_its_shim_whoever_it_became(client, options):
    child = client.launch("/bin/sleep", "100", **options)
    pidfd = os.pidfd_open(child.pid)
    os.kill(client.nest.pid, signal.SIGSTOP)  # it would kill it, too
    os.kill(child.shim, signal.SIGKILL)
    assert select.select([pidfd], [], [], PATIENCE)[0]
    os.kill(client.nest.pid, signal.SIGCONT)
    client.wait(Lost, child=child.id)
    os.close(pidfd)


@as_root
def test_extra_groups_may_be_none_and_a_group_comes_alone(client):
    told = status(output_of(client, "/bin/cat", "/proc/self/status", group=NOBODY, groups=[]))
    assert (told["Uid"].split()[0], told["Gid"].split()[1], told["Groups"].split()) == ("0", str(NOBODY), [])


@as_root
def test_another_user_is_killed_with_all_it_has(client, marker):
    for kind in ("session", "daemon", "scrubbed"):
        child = client.launch(*command(kind, marker), user=NOBODY)
        assert not client.kill(child.id).left_some
        assert not alive(marker, guardians=False)


@as_root
def test_the_directory_is_entered_as_the_user(client, tmp_path):
    tmp_path.chmod(0o700)
    answer = failed(client, stage=Stage.DIRECTORY, user=NOBODY, directory=str(tmp_path).encode())
    assert answer.errno == errno.EACCES


@as_root
def test_limits_and_priorities_are_set_before_the_user_changes(client):
    may_raise = int(status(Path("/proc/self/status").read_text())["CapEff"], 16) >> CAP_SYS_RESOURCE & 1
    limits = [(RLIMIT_NICE, 0, 40)] if may_raise else [(resource.RLIMIT_CORE, 0, 0)]
    child = client.launch("/bin/sleep", "100", user=NOBODY, rlimits=limits, nice=-3, io_priority=1 << 13)
    assert psutil.Process(child.pid).nice() == -3
    client.kill(child.id)


@without_privileges
@pytest.mark.parametrize(
    ("lacking", "stage", "option"),
    [
        ("setuid", Stage.USER, {"user": NOBODY}),
        ("setgid", Stage.GROUP, {"group": NOBODY}),
        ("setgid", Stage.GROUPS, {"groups": []}),
        ("sys_nice", Stage.NICE, {"nice": -5}),
        ("sys_nice,-sys_admin", Stage.IO_PRIORITY, {"io_priority": 1 << 13}),
        ("sys_resource", Stage.RLIMIT, {"rlimits": [(RLIMIT_NICE, 40, 40)]}),
    ],
)
def test_what_is_not_allowed_is_told(guardian, lacking, stage, option):
    with open_client(["setpriv", f"--bounding-set=-{lacking}", *guardian]) as client:
        assert failed(client, stage=stage, **option).errno in {errno.EPERM, errno.EACCES}
        client.gone(client.start("/bin/true"))


@as_root
def test_nothing_of_it_rubs_off_on_the_guardians(client, tmp_path):
    everything = {
        "rlimits": [(number, 64, 64) for number in (resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE)],
        "affinity": [min(os.sched_getaffinity(0))],
        "io_priority": BEST_EFFORT_7,
        "user": NOBODY,
        "group": NOBODY,
        "groups": OTHERS,
        "umask": 0o777,
        "nice": 7,
        "no_new_privs": True,
        "directory": b"/",
    }
    child = client.launch("/bin/sleep", "100", **everything)
    assert traits(child.shim) == traits(client.nest.pid)
    assert traits(child.pid) != traits(child.shim)
    client.kill(child.id)


def traits(pid: int) -> dict[str, object]:
    told = status(Path(f"/proc/{pid}/status").read_text())
    names = ("Umask", "Uid", "Gid", "Groups", "CapEff", "NoNewPrivs", "Cpus_allowed_list")
    process = psutil.Process(pid)
    others = {
        "nice": process.nice(),
        "io": process.ionice(),
        "cwd": process.cwd(),
        "owner": os.stat(f"/proc/{pid}").st_uid,
    }
    return {**{name: told[name] for name in names}, **others, "limits": Path(f"/proc/{pid}/limits").read_text()}


def test_all_settings_go_without_environment_and_descriptors(client):
    settings = {"affinity": [min(os.sched_getaffinity(0))], "rlimits": [(resource.RLIMIT_CORE, 0, 0)], "nice": 19}
    assert client.gone(client.start("/bin/true", env={}, **settings)).status == 0


def test_many_settings_and_strings_in_memory_go_together(client):
    env = {f"NAME_{i}": "x" * 1000 for i in range(300)}
    text = output_of(client, "/usr/bin/env", env=env, rlimits=[(resource.RLIMIT_CORE, 0, 0)])
    assert len(text.splitlines()) == 300


# -- a terminal --------------------------------------------------------------------------------------------------------


def test_it_has_the_terminal_that_it_was_given(client):
    master, slave = os.openpty()
    child = client.start(
        "/bin/sh", "-c", "tty; echo aloud > /dev/tty; stty -echo; read x; echo $x", fds=[slave] * 3, terminal=True
    )
    os.close(slave)
    os.write(master, b"quiet\n")
    text = b""
    while b"quiet\r\n" not in text.partition(b"aloud")[2]:
        text += os.read(master, 1000)
    assert client.gone(child).status == 0
    assert text.startswith((b"/dev/pts/", b"quiet\r\n/dev/pts/"))  # an early echo
    os.close(master)


def test_the_end_of_the_terminal_hangs_it_up(client):
    master, slave = os.openpty()
    child = client.launch("/bin/sleep", "100", fds=[slave] * 3, terminal=True)
    os.close(slave)
    assert facts(child.pid)[4] != "0"
    assert facts(child.shim)[4] == "0"
    os.close(master)
    assert os.WTERMSIG(client.gone(child.id).status) == 1


def test_what_is_no_terminal_is_told(client):
    assert failed(client, stage=Stage.TERMINAL, terminal=True).errno == errno.ENOTTY


@pytest.mark.parametrize("field", [3, 4, 5])
def test_settings_that_are_damaged_are_refused(client, field):
    wanted = wire.Start(
        id=5, candidates=[b"/bin/true"], arguments=[b"x"], environment=[], descriptors=0, groups=[1], affinity=[0]
    )
    message = bytearray(wire.start(wanted).message)
    message[64 + 4 * field : 64 + 4 * field + 4] = b"\xff\xff\xff\x7f"  # so many of them
    client.send(wire.Request(message=bytes(message)))
    answer = client.wait(Failed, child=5)
    assert (answer.errno, answer.stage) == (errno.EINVAL, Stage.REQUEST)
    client.gone(client.start("/bin/true"))
