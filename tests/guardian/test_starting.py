"""What a child is born with, and how its end is told."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import errno
import os
import resource
import shutil
import signal
import socket
import time
from contextlib import suppress

import pytest
from tests.containment import warden
from tests.guardian.client import PATIENCE, open_client
from tests.guardian.hostile import alive, name_of

from regrow._edge.guardian import wire
from regrow._edge.guardian.records import Exited, Failed, Launched

SHELL = ("/bin/sh", "-c")
STATUS = "import sys; print(open('/proc/self/status').read())"


def output_of(client, *command, **options) -> str:
    """What a child prints, until the pipe's end: nobody else may hold it open."""
    read, write = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    child = client.start(*command, fds=[null, write, null], **options)
    os.close(write)
    os.close(null)
    with open(read) as file:
        text = file.read()
    client.gone(child)
    return text


def test_says_hello(client):
    hello = client.hello()
    assert hello.pid == client.nest.pid
    assert hello.has_children_file
    assert hello.has_pidfd


def test_a_start_is_answered_and_the_end_told_in_order(client):
    launched = client.launch(*SHELL, "exit 7")
    client.gone(launched.id)
    assert [type(record).__name__ for record in client.told] == ["Hello", "Launched", "Exited", "Gone"]
    assert os.waitstatus_to_exitcode(client.exited(launched.id).status) == 7
    assert os.waitstatus_to_exitcode(client.gone(launched.id).status) == 7
    assert launched.pid not in (launched.shim, client.nest.pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_a_signal_is_told_as_one(client, number):
    child = client.start(*SHELL, f"kill -{number:d} $$")
    assert os.WTERMSIG(client.gone(child).status) == number
    assert not client.gone(child).was_stopped


def test_usage_is_of_the_main_process_and_of_the_whole_tree(client):
    burn = "while [ $(awk '{print $14}' /proc/self/stat) -lt 0 ]; do :; done"
    script = f"{burn}; (setsid sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done' &); sleep 0.05; exit 0"
    child = client.start(*SHELL, script, linger=10.0)
    main, tree = client.exited(child).usage, client.gone(child).usage
    assert tree.user + tree.system > main.user + main.system
    assert main.maximum > 100_000
    assert main.minor_faults > 0


def test_a_program_that_is_not_there_is_told_with_its_errno(client):
    answer = client.wait(Failed, child=client.start("/nowhere/at/all"))
    assert (answer.errno, answer.stage, answer.candidate) == (errno.ENOENT, wire.Stage.EXEC, 0)


def test_a_program_that_is_none_is_told_with_its_errno(client, tmp_path):
    plain, foreign = tmp_path / "plain", tmp_path / "foreign"
    plain.write_text("no program")
    foreign.write_text("no program either")
    foreign.chmod(0o755)
    assert client.wait(Failed, child=client.start(str(plain))).errno == errno.EACCES
    assert client.wait(Failed, child=client.start(str(foreign))).errno == errno.ENOEXEC


def test_a_busy_program_is_told_with_its_errno(client, tmp_path):
    program = tmp_path / "busy"
    shutil.copy("/bin/true", program)
    with program.open("ab"):
        assert client.wait(Failed, child=client.start(str(program))).errno == errno.ETXTBSY
    client.gone(client.start(str(program)))


def test_candidates_are_tried_as_execvp_does(client, tmp_path):
    (tmp_path / "forbidden").write_text("")
    missing, not_allowed, not_a_directory = b"/nowhere", str(tmp_path / "forbidden").encode(), b"/dev/null/x"
    child = client.start("x", candidates=[missing, not_a_directory, not_allowed, b"/bin/true"])
    assert client.gone(child).status == 0
    refused = client.wait(Failed, child=client.start("x", candidates=[missing, not_allowed, not_a_directory]))
    assert (refused.errno, refused.candidate) == (errno.EACCES, 1)


def test_a_directory_that_is_not_there_is_told_with_its_errno(client):
    answer = client.wait(Failed, child=client.start("/bin/true", directory=b"/nowhere"))
    assert (answer.errno, answer.stage) == (errno.ENOENT, wire.Stage.DIRECTORY)


def test_a_start_of_another_version_is_refused(client):
    request = wire.start(wire.Start(id=5, candidates=[b"x"], arguments=[b"x"], environment=[], descriptors=0))
    client.send(wire.Request(message=b"\x63\x00" + request.message[2:]))
    assert client.wait(Failed, child=5).errno == errno.EPROTO


def test_a_start_that_is_damaged_is_refused(client):
    wanted = wire.Start(id=5, candidates=[b"x"], arguments=[b"x", b"y"], environment=[], descriptors=0)
    message = bytearray(wire.start(wanted).message)
    client.send(wire.Request(message=bytes(message[:-3])))
    assert client.wait(Failed, child=5).errno == errno.EINVAL
    message[8], message[44] = 6, 9  # another id, nine arguments
    client.send(wire.Request(message=bytes(message)))
    assert client.wait(Failed, child=6).errno == errno.EINVAL
    client.gone(client.start("/bin/true"))


def test_arguments_and_environment_arrive_unchanged(client):
    script = 'printf "%s|" "$0" "$@"; exec /usr/bin/env -0'
    text = output_of(client, *SHELL, script, "", "ü b", env={"A": "1 2", "B": "", "PWD": "/"})
    assert text.partition("PWD")[0].startswith("|ü b|")
    assert {"A=1 2", "B=", "PWD=" + os.getcwd()} <= set(text.partition("|ü b|")[2].split("\0"))


def test_a_large_environment_arrives_unchanged(client):
    env = {f"NAME_{i}": "x" * 1000 for i in range(300)}
    assert len(output_of(client, "/usr/bin/env", env=env).splitlines()) == 300


def test_the_directory_and_the_umask_are_as_asked_for(client, tmp_path):
    text = output_of(client, *SHELL, "pwd; umask; nice", directory=str(tmp_path).encode(), umask=0o27, nice=5)
    assert text.split() == [str(tmp_path), "0027", str(os.nice(0) + 5)]


def test_nothing_is_open_but_what_was_sent(client):
    others = [os.open(os.devnull, os.O_RDONLY) for _ in range(4)]
    listing = "import os; print(sorted(os.listdir('/proc/self/fd')))"
    assert output_of(client, sys.executable, "-I", "-S", "-c", listing) == "['0', '1', '2', '3']\n"  # 3: the listing
    for fd in others:
        os.close(fd)


def test_more_descriptors_are_numbered_from_three(client):
    one, two = socket.socketpair()
    read, write = os.pipe()
    script = (
        "import os; os.write(4, b'four'); os.write(3, b'three:' + os.environb[b'LISTEN_PID'] + b':%d' % os.getpid())"
    )
    fds = [0, 1, 2, two.fileno(), write]
    client.gone(client.start(sys.executable, "-I", "-S", "-c", script, fds=fds, listen_pid=True))
    assert os.read(read, 10) == b"four"
    name, told, real = one.recv(100).split(b":")
    assert (name, told) == (b"three", real)
    for fd in (read, write, one.detach(), two.detach()):
        os.close(fd)


def test_without_descriptors_it_has_dev_null(client):
    script = "import os; raise SystemExit([os.readlink(f'/proc/self/fd/{i}') for i in range(3)] != ['/dev/null'] * 3)"
    assert client.gone(client.start(sys.executable, "-I", "-S", "-c", script)).status == 0


def test_signals_are_as_usual_whatever_the_supervisor_does_with_them(guardian):
    numbers = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR2])
    try:
        with open_client(guardian) as client:
            text = output_of(client, "/bin/cat", "/proc/self/status")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler)
    lines = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    # Numbers 32 and 33 are glibc's own, which no Python changes; it has them ignored in what it spawns.
    masks = [int(lines[name], 16) & ~(1 << 31 | 1 << 32) for name in ("SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd")]
    assert not any(masks)


def test_it_has_a_session_of_its_own_and_may_be_denied_privileges(client):
    text = output_of(client, sys.executable, "-I", "-S", "-c", STATUS, no_new_privs=True)
    assert "NoNewPrivs:\t1" in text
    assert "NoNewPrivs:\t0" in output_of(client, sys.executable, "-I", "-S", "-c", STATUS)
    launched = client.launch("/bin/sleep", "100")
    assert os.getsid(launched.pid) == os.getpgid(launched.pid) == launched.pid
    assert len({os.getsid(pid) for pid in (0, launched.pid, client.nest.pid)}) == 3
    assert len({os.getpgid(pid) for pid in (0, launched.pid, launched.shim, client.nest.pid)}) == 4
    client.kill(launched.id)


@pytest.mark.parametrize("fds", [[0, 1, 2], [0, 1, 2, 1, 2, 0, 1]], ids=len)
def test_guardians_keep_nothing_of_a_child_open(client, fds):
    launched = client.launch("/bin/sleep", "100", fds=fds)
    for pid in (launched.shim, client.nest.pid):
        names = {os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)}
        assert names == {"/dev/null"}
        deadline = time.monotonic() + PATIENCE
        while len(os.listdir(f"/proc/{pid}/fd")) > 10:  # one more while the nest makes a shim in store
            assert time.monotonic() < deadline
    client.kill(launched.id)


def test_a_thousand_starts_leave_nothing_open_and_nothing_behind(client, marker):
    client.hello()
    wait_for_spare(client)
    before = len(os.listdir(f"/proc/{client.nest.pid}/fd"))
    children = [client.start("/bin/sleep", marker) for _ in range(100)]
    for child in children:
        client.launched(child)
    shims = {record.shim for record in client.told if isinstance(record, Launched)}
    for child in children:
        client.send(wire.kill(child))
    for child in children:
        client.gone(child)
    for _ in range(9):
        children = [client.start("/bin/true") for _ in range(100)]
        assert [client.gone(child).status for child in children] == [0] * 100
        client.told.clear()
    assert len(shims) == 100
    wait_for_spare(client)
    assert len(os.listdir(f"/proc/{client.nest.pid}/fd")) == before


def wait_for_spare(client) -> int:
    """Until the nest has a shim in store; its pid."""
    end = time.monotonic() + 5
    while not (found := [pid for pid in children(client.nest.pid) if is_spare(pid)]):
        assert time.monotonic() < end
        time.sleep(0.005)
    return found[0]


def is_spare(pid: int) -> bool:
    return name_of(pid) == "regrow-spare" and all(name_of(child) == "regrow-blank" for child in children(pid))


def children(pid: int) -> list[int]:
    with suppress(OSError), open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(number) for number in file.read().split()]
    return []


def test_a_full_pipe_delays_records_and_nothing_else(client, marker):
    children = [client.start("/bin/sleep", marker) for _ in range(10)]
    for child in children:
        client.launched(child)
    filler = os.open(f"/proc/{client.nest.pid}/fd/{events_of(client)}", os.O_WRONLY | os.O_NONBLOCK)
    written = fill(filler)
    for child in children[:5]:
        client.send(wire.kill(child))
    late = client.start("/bin/sleep", marker)
    wait_for_sleepers(marker, expected=6)
    os.close(filler)
    drain(client.events, written)
    for child in children[:5]:
        assert client.gone(child).was_stopped
    client.launched(late)
    for child in (*children[5:], late):
        client.kill(child)


def events_of(client) -> int:
    """Which of the nest's descriptors is the pipe of records."""
    mine = os.readlink(f"/proc/self/fd/{client.events}")
    fds = os.listdir(f"/proc/{client.nest.pid}/fd")
    return next(int(fd) for fd in fds if os.readlink(f"/proc/{client.nest.pid}/fd/{fd}") == mine)


def fill(fd: int) -> int:
    written = 0
    while True:
        try:
            written += os.write(fd, b"x" * 4096)
        except BlockingIOError:
            return written


def drain(fd: int, length: int) -> None:
    while length:
        length -= len(os.read(fd, min(length, 1 << 20)))


def wait_for_sleepers(marker: str, expected: int) -> None:
    """Wait until exactly so many sleepers are left, whatever is told."""
    end = time.monotonic() + 5
    while len(alive(marker, guardians=False)) != expected:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_idle_guardians_never_wake_up(client):
    launched = client.launch("/bin/sleep", "100")

    def switches() -> list[str]:
        lines = []
        for pid in (client.nest.pid, launched.shim):
            with open(f"/proc/{pid}/status") as file:
                lines += [line for line in file if "ctxt_switches" in line]
        return lines

    time.sleep(0.1)
    before = switches()
    time.sleep(0.5)
    assert switches() == before
    client.kill(launched.id)


def test_no_room_for_a_process_is_a_failed_start(client):
    limits = resource.prlimit(client.nest.pid, resource.RLIMIT_NPROC)
    if os.getuid() == 0:
        pytest.skip("root has no limit of processes")
    for pid in (client.nest.pid, *warden.children(client.nest.pid)):  # the shim in store has limits of its own
        resource.prlimit(pid, resource.RLIMIT_NPROC, (1, limits[1]))
    answer = client.wait(Failed, Exited, child=client.start("/bin/true"))
    assert isinstance(answer, Failed)
    assert (answer.errno, answer.stage) == (errno.EAGAIN, wire.Stage.FORK)
