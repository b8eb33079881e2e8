"""`regrow run --guard`: one process above the tree that forwards, reaps, tells the truth, and leaves nothing."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.faces.cli_command import PATIENCE, finished, pid_in, running, write_tree

assert sys.platform == "linux"

THREE = """
app = SupervisorSpec(
    name="app",
    children=[ChildSpec(name=name, command=children.sleeps()) for name in ("a", "b", "c")],
)
"""

STUBBORN = """
app = SupervisorSpec(
    name="app", children=[ChildSpec(name="mule", command=children.ignores_sigterm(), stop=Stop(grace=60))]
)
"""

ENDS = """
app = SupervisorSpec(
    name="app",
    auto_shutdown="any_significant",
    children=[ChildSpec(name="main", command=children.exits(CODE), restart="temporary", significant=True)],
)
"""

FOREIGN = """
import os, subprocess
told = subprocess.run(["sh", "-c", "setsid sleep SECONDS >/dev/null 2>&1 & echo $!"], capture_output=True)
os.environ["ORPHAN"] = told.stdout.decode().strip()
print("orphan", os.environ["ORPHAN"], flush=True)
"""
"""A library that starts processes by itself, before the tree, and loses them."""


def until(holds):
    """Return when it is so."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def children_of(pid):
    return psutil.Process(pid).children()


def program_of(command):
    """The program below a guard: the only one of its children that was not lost by somebody."""
    (program,) = [child for child in children_of(command.pid) if child.name().startswith("python")]
    return program


def is_there(pid):
    """Whether there is such a process, alive or dead."""
    return psutil.pid_exists(pid)


def number_in(line):
    return int(line.split()[-1])


# -- how it ends -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 7, 255])
def test_it_ends_with_the_code_of_the_program(tmp_path, code):
    write_tree(tmp_path, ENDS.replace("CODE", str(code)))
    assert finished("run", "--guard", "tree.py", cwd=tmp_path)[1] == code


def test_a_usage_error_is_one_of_the_program_too(tmp_path):
    command, code = finished("run", "--guard", "nothing.py", cwd=tmp_path)
    assert code == 2
    assert "nothing.py: no such file" in str(command.stderr)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_tree_in_order(tmp_path, number):
    write_tree(tmp_path, THREE)
    with running("run", "--guard", "tree.py", cwd=tmp_path) as command:
        command.stderr.wait_for("app  ready")
        command.send(number)
        assert command.end() == 0
    assert [line.split()[1] for line in command.stderr.with_text(" stopped (SIGTERM)")] == ["c", "b", "a"]


def test_a_second_signal_kills(tmp_path):
    write_tree(tmp_path, STUBBORN)
    with running("run", "--guard", "tree.py", cwd=tmp_path) as command:
        command.stdout.wait_for("mule | armed")
        command.send(signal.SIGTERM)
        command.stderr.wait_for("a second Ctrl-C kills")
        time.sleep(0.11)  # whatever comes sooner is the first once more
        command.send(signal.SIGTERM)
        assert command.end() == 143


def test_a_signal_to_both_is_one_order(tmp_path):
    write_tree(tmp_path, THREE)
    with running("run", "--guard", "tree.py", cwd=tmp_path, below=["setsid"]) as command:
        command.stderr.wait_for("app  ready")
        assert os.getpgid(program_of(command).pid) == command.pid
        os.killpg(command.pid, signal.SIGTERM)
        assert command.end() == 0
    assert len(command.stderr.with_text(" stopped (SIGTERM)")) == 3


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGRTMIN + 3])
def test_any_other_signal_reaches_the_program_and_the_guard_ends_as_that_does(tmp_path, number):
    write_tree(tmp_path, THREE)
    with running("run", "--guard", "tree.py", cwd=tmp_path) as command:
        command.stderr.wait_for("app  ready")
        command.send(number)
        assert command.end() == -number


def test_who_kills_the_program_learns_it_from_the_guard_and_nothing_is_left(tmp_path):
    write_tree(tmp_path, FOREIGN.replace("SECONDS", "1000") + THREE)
    with running("run", "--guard", "tree.py", cwd=tmp_path) as command:
        orphan = number_in(command.stdout.wait_for("orphan"))
        command.stderr.wait_for("app  ready")
        pids = [pid_in(line) for line in command.stderr.with_text("started (pid")]
        program_of(command).kill()
        assert command.end() == -signal.SIGKILL
    until(lambda: not any(map(is_there, [orphan, *pids])))


def test_who_kills_the_guard_kills_it_all(tmp_path):
    write_tree(tmp_path, THREE)
    with running("run", "--guard", "tree.py", cwd=tmp_path) as command:
        command.stderr.wait_for("app  ready")
        pids = [pid_in(line) for line in command.stderr.with_text("started (pid")]
        program = program_of(command)
        command.send(signal.SIGKILL)
        assert command.process.wait(PATIENCE) == -signal.SIGKILL
        until(lambda: not any(map(is_there, [program.pid, *pids])))


def test_what_others_have_left_is_ended_with_it(tmp_path):
    write_tree(tmp_path, FOREIGN.replace("SECONDS", "1000") + THREE)
    with running("run", "--guard", "tree.py", cwd=tmp_path) as command:
        orphan = number_in(command.stdout.wait_for("orphan"))
        command.stderr.wait_for("app  ready")
        assert psutil.Process(orphan).ppid() == command.pid
        command.send(signal.SIGTERM)
        assert command.end() == 0
        assert not is_there(orphan)


# -- while it runs -----------------------------------------------------------------------------------------------------


def test_who_has_lost_his_parents_is_reaped(tmp_path):
    write_tree(tmp_path, FOREIGN.replace("SECONDS", "0.3") + THREE)
    with running("run", "--guard", "tree.py", cwd=tmp_path) as command:
        orphan = number_in(command.stdout.wait_for("orphan"))
        command.stderr.wait_for("app  ready")
        until(lambda: not is_there(orphan))  # a zombie would still be
        command.send(signal.SIGTERM)
        assert command.end() == 0


def test_it_holds_nothing_of_the_program_s_and_is_small(tmp_path):
    write_tree(tmp_path, THREE)
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    with running("run", "--guard", "tree.py", cwd=tmp_path, below=["env", f"HELD={writer}"]) as command:
        os.close(writer)
        command.stderr.wait_for("app  ready")
        program = program_of(command)
        assert Path(f"/proc/{command.pid}/comm").read_text() == "regrow guard\n"
        held = {
            number: os.readlink(f"/proc/{command.pid}/fd/{number}") for number in os.listdir(f"/proc/{command.pid}/fd")
        }
        assert sorted(held) == ["0", "1", "2"]
        assert (held["0"], held["1"]) == ("/dev/null", "/dev/null")
        guard, program = (psutil.Process(pid).memory_full_info().uss for pid in (command.pid, program.pid))
        assert guard < program / 4
        command.send(signal.SIGTERM)
        assert command.end() == 0
    os.close(reader)


def test_sockets_that_were_handed_to_it_are_the_program_s(tmp_path):
    write_tree(tmp_path, "import os; print('mine' if os.environ['LISTEN_PID'] == str(os.getpid()) else 'not')" + THREE)
    below = ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh"]
    with running("run", "--guard", "tree.py", cwd=tmp_path, below=below) as command:
        command.stderr.wait_for("app  ready")
        command.send(signal.SIGTERM)
        assert command.end() == 0
    assert command.stdout.lines == ["mine"]


# -- at a terminal -----------------------------------------------------------------------------------------------------

SHELL = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, "-m", "regrow", *sys.argv[1:]])
print("job", job, flush=True)
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpgrp())
    if not os.WIFSTOPPED(status):
        print("ended", os.waitstatus_to_exitcode(status), flush=True)
        break
    print("stopped", flush=True)
    sys.stdin.readline()
    os.tcsetpgrp(0, job)
    os.killpg(job, signal.SIGCONT)
"""
"""A shell with one job in the foreground: Enter is `fg`."""


class Terminal:
    """Somebody who sits at a terminal with that shell."""

    def __init__(self, folder):
        self._ours, its = pty.openpty()
        words = ["setsid", "--ctty", sys.executable, "-c", SHELL, "run", "--guard", "tree.py"]
        self._shell = subprocess.Popen(
            words, cwd=folder, stdin=its, stdout=its, stderr=its, env={**os.environ, "NO_COLOR": "1"}
        )
        os.close(its)
        self._seen = ""

    def type(self, keys):
        os.write(self._ours, keys)

    def see(self, text):
        """Wait for it, and return the rest of its line; what comes after that is still to be seen."""
        while "\n" not in self._seen.partition(text)[2]:
            assert select.select([self._ours], [], [], PATIENCE)[0], self._seen
            self._seen += os.read(self._ours, 65536).decode()
        rest, _, self._seen = self._seen.partition(text)[2].partition("\n")
        return rest.strip()

    def close(self):
        """Hang up: that ends whoever has stayed."""
        os.close(self._ours)
        self._shell.wait(PATIENCE)


@pytest.fixture
def terminal(tmp_path, request):
    write_tree(tmp_path, getattr(request, "param", THREE))
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


def test_ctrl_c_is_one_order(terminal):
    terminal.see("app  ready")
    terminal.type(b"\x03")
    terminal.see("app  stopped")
    assert terminal.see("ended") == "0"


COUNTS = """
import signal, time
typed = []
signal.signal(signal.SIGINT, lambda *_: typed.append(time.monotonic()))
print("count", "on", flush=True)
while not typed or time.monotonic() < typed[0] + 0.5:
    time.sleep(0.01)
print("typed", len(typed), flush=True)
sys.exit(3)
"""
"""A program that counts what reaches it while it is loaded, in the half second after the first."""


@pytest.mark.parametrize("terminal", [COUNTS], indirect=True)
def test_what_is_typed_reaches_the_program_once(terminal):
    terminal.see("count")
    terminal.type(b"\x03")
    assert terminal.see("typed") == "1"
    assert terminal.see("ended") == "1"


def test_ctrl_z_stops_both_and_fg_continues_both(terminal):
    guard = int(terminal.see("job"))
    terminal.see("app  ready")
    (program,) = children_of(guard)
    terminal.type(b"\x1a")
    terminal.see("stopped")
    until(lambda: program.status() == psutil.STATUS_STOPPED)
    assert psutil.Process(guard).status() == psutil.STATUS_STOPPED
    terminal.type(b"\n")
    until(lambda: program.status() != psutil.STATUS_STOPPED)
    until(lambda: psutil.Process(guard).status() != psutil.STATUS_STOPPED)
    terminal.type(b"\x03")
    assert terminal.see("ended") == "0"


# -- as process 1 ------------------------------------------------------------------------------------------------------

CONTAINERS = {
    "root": ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"],
    "user": ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"],
}


@pytest.fixture(params=CONTAINERS)
def container(request):
    """What makes a program process 1 of a pid namespace of its own."""
    command = CONTAINERS[request.param]
    try:
        is_possible = subprocess.run([*command, "true"], stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        is_possible = False
    if not is_possible:
        pytest.skip(f"NOT TESTED AS PROCESS 1: {' '.join(command)} is not possible here")
    return command


INSIDE = """
import os
print("who", os.getpid(), os.getppid(), flush=True)
"""

TELLS = """
tells = ChildSpec(name="tells", command=["sh", "-c", "COMMAND"], restart="temporary")
app = SupervisorSpec(
    name="app", children=[*(ChildSpec(name=n, command=children.sleeps()) for n in ("a", "b")), tells], max_restarts=0
)
"""


def test_process_1_has_a_guard_by_itself_and_obeys_kill_1(tmp_path, container):
    wait = "until [ -e go ]; do sleep 0.01; done"
    write_tree(tmp_path, INSIDE + TELLS.replace("COMMAND", f"{wait}; kill -TERM 1; sleep 1000"))
    with running("run", "tree.py", cwd=tmp_path, below=container) as command:
        command.stderr.wait_for("app    ready")
        (tmp_path / "go").touch()
        assert command.end() == 0
    assert command.stdout.lines[0] == "who 2 1"
    assert [line.split()[1] for line in command.stderr.with_text(" stopped (SIGTERM)")] == ["tells", "b", "a"]


def test_process_1_without_a_guard_if_nobody_wants_one(tmp_path, container):
    write_tree(tmp_path, INSIDE + ENDS.replace("CODE", "3"))
    command, code = finished("run", "--no-guard", "tree.py", cwd=tmp_path, below=container)
    assert code == 3
    assert command.stdout.lines == ["who 1 0"]


def test_orphans_of_process_1_are_reaped(tmp_path, container):
    look = "while kill -0 $ORPHAN 2>/dev/null; do sleep 0.01; done; echo reaped; kill -TERM 1"  # a zombie is there
    write_tree(tmp_path, FOREIGN.replace("SECONDS", "0.1") + TELLS.replace("COMMAND", look))
    command, code = finished("run", "tree.py", cwd=tmp_path, below=container)
    assert code == 0
    assert command.stdout.with_text("tells |") == ["tells | reaped"]


@pytest.mark.parametrize("code", [0, 7])
def test_exit_codes_leave_the_container(tmp_path, container, code):
    write_tree(tmp_path, ENDS.replace("CODE", str(code)))
    assert finished("run", "tree.py", cwd=tmp_path, below=container)[1] == code


def test_the_signal_that_ended_the_program_leaves_the_container_as_a_code(tmp_path, container):
    write_tree(tmp_path, TELLS.replace("COMMAND", "kill -KILL 2; sleep 1000"))
    assert finished("run", "tree.py", cwd=tmp_path, below=container)[1] == 137
