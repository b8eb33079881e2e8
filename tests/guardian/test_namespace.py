"""A tree in a pid namespace of its own: as any other, and gone even when all guardians are killed at once."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import errno
import os
import select
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.guardian.client import PATIENCE, Client, open_client
from tests.guardian.hostile import KINDS, LEAVERS, alive, children_of, command, facts, shims, wait_until_gone
from tests.guardian.leaves import make_leaf, members, open_directory, remove_leaf
from tests.guardian.test_starting import SHELL, output_of
from tests.guardian.test_stopping import TRAPS, wait_for

from regrow._edge.guardian.records import Exited, Failed, Launched, Lost
from regrow._edge.guardian.wire import Stage, To

as_root = pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root can do that")
WAYS = {"privileged": (), "user namespace": ("setpriv", "--bounding-set=-sys_admin")}


@pytest.fixture(params=WAYS if os.getuid() == 0 else ["privileged"])
def guardian(request, guardian) -> list[str]:
    """Also one that may not make a pid namespace without a user namespace; an ordinary user's never may."""
    return [*WAYS[request.param], *guardian]


@pytest.fixture(autouse=True)
def is_possible(guardian):
    with open_client(guardian) as client:
        answer = client.wait(Launched, Failed, child=client.start("/bin/true", namespace=True))
    if isinstance(answer, Failed):
        assert answer.stage is Stage.NAMESPACE
        pytest.skip(f"NAMESPACES ARE NOT TESTED: {os.strerror(answer.errno)}")


def start(client: Client, *words: str, **options) -> int:
    return client.start(*words, namespace=True, **options)


def launch(client: Client, *words: str, **options) -> Launched:
    return client.launch(*words, namespace=True, **options)


def init_of(child: Launched, marker: str) -> int:
    return next(pid for pid in children_of(child.shim, alive(marker)) if pid != child.pid)


def test_it_has_numbers_of_its_own_and_is_not_the_first(client, marker):
    child = launch(client, *command("session", marker))
    told = Path(f"/proc/{child.pid}/status").read_text()
    outside, inside = next(line for line in told.splitlines() if line.startswith("NSpid:")).split()[-2:]
    assert int(outside) == child.pid
    assert int(inside) > 1
    wait_for(lambda: marker in Path(f"/proc/{child.pid}/cmdline").read_text())  # empty for a moment in an exec
    client.kill(child.id)


def test_its_end_is_told_as_any_other(client):
    for script, status in (("exit 7", 7 << 8), ("kill -SEGV $$", signal.SIGSEGV), ("kill -TERM $$", signal.SIGTERM)):
        child = launch(client, *SHELL, script)
        assert client.gone(child.id).status & 0xFF7F == client.exited(child.id).status & 0xFF7F == status
        assert not client.gone(child.id).was_stopped
        assert client.gone(child.id).strays == 0


def test_usage_is_of_the_main_process_and_of_the_whole_tree(client):
    script = "(setsid sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done' &); sleep 0.05; exit 0"
    child = start(client, *SHELL, script, linger=10.0)
    main, tree = client.exited(child).usage, client.gone(child).usage
    assert tree.user + tree.system > main.user + main.system


@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_leaves_nothing_of(client, marker, kind):
    for pause in (0.0, 0.02):
        child = launch(client, *command(kind, marker))
        time.sleep(pause)
        gone = client.kill(child.id)
        assert not alive(marker, guardians=False)
        assert os.WTERMSIG(gone.status) == signal.SIGKILL
        assert gone.was_stopped
        assert not gone.left_some


@pytest.mark.parametrize("kind", LEAVERS)
def test_what_is_left_of_it_is_ended_before_its_end_is_told(client, marker, kind):
    gone = client.gone(start(client, *command(kind, marker)))
    assert not alive(marker, guardians=False)
    assert os.waitstatus_to_exitcode(gone.status) == 3
    assert gone.strays >= 1


def test_strays_may_linger_for_some_time(client, marker):
    child = start(client, *command("daemon leaver", marker), linger=0.5)
    since = time.monotonic()
    client.exited(child)
    wait_for(lambda: alive(marker, guardians=False))
    assert client.gone(child).strays == 1
    assert 0.4 < time.monotonic() - since < 4


def test_strays_that_end_in_time_are_not_killed_and_end_the_tree(client, marker):
    child = start(client, "/bin/sh", "-c", f"(setsid sleep 0.1 &); exit 0 # {marker}", linger=30.0)
    assert client.gone(child).strays == 0


def test_strays_may_be_kept_until_they_are_killed(client, marker):
    child = start(client, *command("daemon leaver", marker), linger=None)
    client.exited(child)
    time.sleep(0.2)
    assert len(alive(marker, guardians=False)) == 1
    assert client.kill(child).strays == 1
    assert not alive(marker, guardians=False)


@pytest.mark.parametrize(("to", "expected"), [(To.MAIN, 1), (To.GROUP, 2), (To.TREE, 4)])
def test_a_signal_reaches_whom_it_is_meant_for(client, marker, tmp_path, to, expected):
    file, trap, ready = tmp_path / "file", tmp_path / "trap", tmp_path / "file.ready"
    trap.write_text(TRAPS.format(file=file))
    script = f"setsid sh {trap} {marker} & sh {trap} {marker} & (env -i setsid sh {trap} {marker} &); . {trap}"
    child = launch(client, "/bin/sh", "-c", f"{script} # {marker}")
    wait_for(lambda: ready.exists() and len(ready.read_text().split()) == 4)
    client.signal(child.id, signal.SIGTERM, to)
    wait_for(lambda: file.exists() and len(set(file.read_text().split())) >= expected)
    time.sleep(0.1)
    assert len(file.read_text().split()) == len(set(file.read_text().split())) == expected
    client.kill(child.id)


def test_a_tree_is_paused_and_resumed(client, marker):
    child = launch(client, *command("wide", marker))
    wait_for(lambda: len(alive(marker, guardians=False)) == 17)
    client.signal(child.id, signal.SIGSTOP, To.TREE)
    wait_for(lambda: {facts(pid)[0] for pid, _ in alive(marker, guardians=False)} == {"T"})
    client.signal(child.id, signal.SIGCONT, To.TREE)
    wait_for(lambda: {facts(pid)[0] for pid, _ in alive(marker, guardians=False)} == {"S"})
    client.kill(child.id)


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_left_when_all_guardians_are_killed_at_once(guardian, marker, kind):
    with open_client(guardian) as client:
        children = [launch(client, *command(kind, marker)) for _ in range(3)]
        inits = [init_of(child, marker) for child in children]
        for pid in (client.nest.pid, *(child.shim for child in children), *inits):
            with suppress(ProcessLookupError):  # an init ends with its shim
                os.kill(pid, signal.SIGKILL)
        wait_until_gone(marker, PATIENCE)
        client.read_to_end()


def test_nobody_is_left_when_all_but_the_first_process_are_killed_at_once(guardian, marker):
    with open_client(guardian) as client:
        children = [launch(client, *command(kind, marker)) for kind in KINDS]
        for pid in (client.nest.pid, *(child.shim for child in children)):
            os.kill(pid, signal.SIGKILL)
        wait_until_gone(marker, PATIENCE)
        client.read_to_end()


def test_a_first_process_that_was_too_late_to_ask_for_a_signal_notices_the_end_of_its_shim(variant, marker):
    with open_client(variant("SLOW_INIT")) as client:
        child = launch(client, *command("scrubbed", marker))
        wait_for(lambda: len(alive(marker, guardians=False)) == 2)
        for pid in (client.nest.pid, child.shim):
            os.kill(pid, signal.SIGKILL)
        wait_until_gone(marker, PATIENCE)
        client.read_to_end()


def test_a_killed_shim_is_told_as_lost(client, marker):
    child = launch(client, *command("scrubbed", marker))
    os.kill(child.shim, signal.SIGKILL)
    client.wait(Lost, child=child.id)
    assert not alive(marker, guardians=False)


def test_the_end_of_its_first_process_is_the_end_of_all(client, marker):
    child = launch(client, *command("scrubbed", marker))
    os.kill(init_of(child, marker), signal.SIGKILL)
    assert os.WTERMSIG(client.gone(child.id).status) == signal.SIGKILL
    assert not alive(marker, guardians=False)


def test_a_first_process_that_was_stopped_does_not_prevent_the_end(client, marker):
    child = launch(client, *command("scrubbed", marker))
    os.kill(init_of(child, marker), signal.SIGSTOP)
    client.kill(child.id)
    assert not alive(marker, guardians=False)


def test_nobody_inside_can_give_orders_to_the_first_process(client, marker):
    script = "import os, signal, time\n"
    script += "for number in range(1, 65):\n if number not in {32, 33}: os.kill(1, number)\n"
    script += "if os.fork() == 0: time.sleep(3600)\n"
    script += f"open('/proc/self/comm').read(); time.sleep(0.3); raise SystemExit(5) # {marker}"
    gone = client.gone(start(client, sys.executable, "-I", "-S", "-c", script))
    assert (gone.status >> 8, gone.strays) == (5, 1)


def test_a_program_that_is_not_there_leaves_nothing(client, marker):
    answer = client.wait(Failed, child=start(client, f"/nowhere/{marker}"))
    assert (answer.errno, answer.stage) == (errno.ENOENT, Stage.EXEC)
    wait_for(lambda: shims(client.nest.pid, alive(marker)) == [])


def test_guardians_keep_nothing_of_a_child_open(client):
    read, write = os.pipe()
    child = launch(client, *SHELL, "exec > /dev/null; exec sleep 100", fds=[0, write, 2])
    os.close(write)
    assert select.select([read], [], [], PATIENCE)[0]
    assert os.read(read, 1) == b""
    os.close(read)
    client.kill(child.id)


def test_its_number_is_the_one_it_knows_itself_by_in_listen_pid(client):
    assert client.gone(start(client, *SHELL, '[ "$LISTEN_PID" = $$ ]', listen_pid=True)).status == 0


def test_idle_guardians_never_wake_up(client, marker):
    child = launch(client, *command("plain", marker))

    def switches() -> list[str]:
        pids = (client.nest.pid, child.shim, init_of(child, marker))
        lines = [line for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
        return [line for line in lines if "ctxt_switches" in line]

    time.sleep(0.1)
    before = switches()
    time.sleep(0.5)
    assert switches() == before
    client.kill(child.id)


def test_many_start_and_end_at_once(client):
    children = [start(client, "/bin/true") for _ in range(200)]
    assert [client.gone(child).status for child in children] == [0] * 200
    assert len({record.pid for record in client.told if isinstance(record, Exited)}) > 1


def test_a_cgroup_goes_with_it(client, marker):
    leaf = make_leaf(f"guardian-test-{marker}")
    if leaf is None:
        pytest.skip("CGROUPS ARE NOT TESTED: there is none that we may make")
    directory = open_directory(leaf)
    child = launch(client, *command("scrubbed", marker), cgroup=directory)
    assert child.pid in members(leaf)
    client.kill(child.id)
    os.close(directory)
    leaf.rmdir()
    remove_leaf(leaf)


def test_it_is_refused_in_words_where_it_cannot_be_had(guardian, marker):
    deny = ["unshare", "--user", "--map-root-user", "/bin/sh", "-c", "echo 0 > /proc/sys/user/max_pid_namespaces"]
    deny[-1] += '; exec "$@"'
    with open_client([*deny, "sh", *guardian]) as client:
        answer = client.wait(Failed, child=start(client, "/bin/true"))
        assert (answer.stage, answer.errno) == (Stage.NAMESPACE, errno.ENOSPC)
        client.gone(client.start("/bin/true"))


@as_root
def test_settings_go_with_it(client, request):
    if "user namespace" in request.node.name:
        answer = client.wait(Failed, child=start(client, "/bin/true", user=65534))
        assert (answer.stage, answer.errno) == (Stage.USER, errno.EINVAL)  # nobody else is there
        return
    text = output_of(client, "/bin/cat", "/proc/self/status", namespace=True, user=65534, groups=[], no_new_privs=True)
    assert "Uid:\t65534\t65534\t65534\t65534" in text
