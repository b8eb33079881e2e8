"""`regrow run`, as its user meets it: real processes, real signals, lines and exit codes."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from datetime import datetime

import pytest
from tests.faces.cli_command import PATIENCE, finished, pid_in, running, write_tree

assert sys.platform != "win32"

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

SHORT = """
app = SupervisorSpec(
    name="app",
    auto_shutdown="any_significant",
    children=[
        ChildSpec(name="talker", command=children.prints(["out 1", "out 2"], then_exits=None)),
        ChildSpec(name="moaner", command=children.prints(["err 1"], stream="stderr", then_exits=None)),
        ChildSpec(name="main", command=children.exits(CODE, after=0.3), restart="temporary", significant=True),
    ],
)
"""

CRASHER = """
crash = [sys.executable, "-c", "import sys; sys.exit('no licence found')"]
app = SupervisorSpec(
    name="app",
    max_restarts=1,
    children=[ChildSpec(name="good", command=children.sleeps()), ChildSpec(name="bad", command=crash, backoff=None)],
)
"""


def short(folder, code=0):
    write_tree(folder, SHORT.replace("CODE", str(code)))


def pids(lines):
    return [pid_in(line) for line in lines.with_text(" started ")]


# -- how it ends -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_stops_in_reverse_order_and_leaves_nothing(tmp_path, number):
    write_tree(tmp_path, THREE)
    with running("run", "tree.py", cwd=tmp_path) as command:
        command.stderr.wait_for("app  ready")
        command.send(number)
        assert command.end() == 0
    stopped = command.stderr.with_text(" stopped (SIGTERM)")
    assert [line.split()[1] for line in stopped] == ["c", "b", "a"]
    assert len(pids(command.stderr)) == 3
    # That none of them is left is seen to for every test; by more than a number, which may be another's by now.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_kills(tmp_path, number):
    write_tree(tmp_path, STUBBORN)
    with running("run", "tree.py", cwd=tmp_path) as command:
        command.stdout.wait_for("mule | armed")
        command.send(number)
        command.stderr.wait_for("a second Ctrl-C kills")
        time.sleep(0.11)  # what comes sooner is the first one once more
        command.send(number)
        assert command.end() == 128 + number
    assert "had to be killed" in command.stderr.wait_for("mule  stopped (SIGKILL)")


def test_a_signal_that_is_sent_twice_at_once_is_one_order(tmp_path):
    write_tree(tmp_path, THREE)
    with running("run", "tree.py", cwd=tmp_path) as command:
        command.stderr.wait_for("app  ready")
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            command.send(number)
        assert command.end() == 0
    assert len(command.stderr.with_text(" stopped (SIGTERM)")) == 3


def test_a_tree_that_gives_up_ends_with_70_and_its_story(tmp_path):
    write_tree(tmp_path, CRASHER)
    command, code = finished("run", "tree.py", cwd=tmp_path)
    assert code == 70
    assert "gave up, because bad crashed (exit code 1)" in command.stderr.wait_for("because bad")
    story = str(command.stderr).partition("\nregrow: ")[2]
    assert story.startswith("supervisor 'app' gave up: more than 1 restart in 5 s; the last straw was bad")
    assert "| no licence found" in story


def test_a_tree_that_cannot_start_ends_with_69_and_says_why(tmp_path):
    write_tree(tmp_path, 'app = SupervisorSpec(name="app", children=[ChildSpec(name="a", command=["no-such-thing"])])')
    command, code = finished("run", "tree.py", cwd=tmp_path)
    assert code == 69
    assert command.stderr.lines[-1].startswith("regrow: a: failed to start: program 'no-such-thing' was not found")


@pytest.mark.parametrize("code", [0, 7])
def test_the_code_of_the_significant_child_is_that_of_the_program(tmp_path, code):
    short(tmp_path, code)
    command, result = finished("run", "tree.py", cwd=tmp_path)
    assert result == code
    assert command.stderr.wait_for("app     stopping, because a significant child has ended")


def test_what_is_wrong_with_the_tree_is_said_at_once_and_nothing_starts(tmp_path):
    write_tree(tmp_path, 'app = SupervisorSpec(name="app", order="up", children=[ChildSpec(name="a", command="sh")])')
    command, code = finished("run", "tree.py", cwd=tmp_path)
    assert code == 1
    assert "app.order: " in str(command.stderr)
    assert "app/a.command: " in str(command.stderr)
    assert not command.stderr.with_text("start")


def test_ctrl_c_while_the_file_is_loaded_is_no_traceback(tmp_path):
    write_tree(tmp_path, "import time; print('loading', flush=True); time.sleep(60)")
    with running("run", "tree.py", cwd=tmp_path) as command:
        command.stdout.wait_for("loading")
        command.send(signal.SIGINT)
        assert command.end() == 130
    assert str(command.stderr) == ""


# -- what it prints ----------------------------------------------------------------------------------------------------


def test_each_line_of_a_child_goes_where_it_belongs_with_the_name_in_front(tmp_path):
    short(tmp_path)
    command, _ = finished("run", "tree.py", cwd=tmp_path)
    assert command.stdout.lines == ["talker | out 1", "talker | out 2"]
    assert command.stderr.with_text("|") == ["moaner | err 1"]


def test_output_that_goes_elsewhere_still_does(tmp_path):
    write_tree(
        tmp_path,
        """
quiet = ChildSpec(name="quiet", command=children.prints(["hidden"]), output="discard", restart="transient")
filed = ChildSpec(
    name="filed", command=children.prints(["kept"]), ready=Completes(), output=OutputPolicy(to="file", file="out.log")
)
last = ChildSpec(name="last", command=children.exits(after=0.2), restart="transient", significant=True)
app = SupervisorSpec(name="app", auto_shutdown="any_significant", children=[quiet, filed, last])
""",
    )
    command, code = finished("run", "tree.py", cwd=tmp_path)
    assert code == 0
    assert command.stdout.lines == []
    assert (tmp_path / "out.log").read_text() == "kept\n"


def test_a_crash_and_its_restart_are_one_line(tmp_path):
    write_tree(tmp_path, CRASHER)
    command, _ = finished("run", "tree.py", cwd=tmp_path)
    line = command.stderr.wait_for("bad   crashed")
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{3}  bad   crashed \(exit code 1\) after \S+ \w+, "
        r"restarting now \(0 restarts left in 5 s\)",
        line,
    )


def test_verbose_tells_of_every_event(tmp_path):
    short(tmp_path)
    normal, _ = finished("run", "tree.py", cwd=tmp_path)
    verbose, _ = finished("run", "-v", "tree.py", cwd=tmp_path)
    assert not normal.stderr.with_text("talker  stopping")
    assert verbose.stderr.with_text("talker  stopping")
    assert verbose.stderr.with_text("talker  ready after")


def test_json_is_one_object_in_each_line(tmp_path):
    write_tree(tmp_path, CRASHER.replace("children.sleeps()", "children.prints(['hello'], then_exits=None)"))
    command, code = finished("run", "--log-format", "json", "tree.py", cwd=tmp_path)
    assert code == 70
    [said] = [json.loads(line) for line in command.stdout.lines]
    assert (said["event"], said["path"], said["line"]) == ("child_output", "good", "hello")
    *told, error = [json.loads(line) for line in command.stderr.lines]
    assert sorted([said["seq"], *(each["seq"] for each in told)]) == list(range(1, len(told) + 2))
    assert all(isinstance(each["at"], float) and each["path"] for each in told)
    assert all(datetime.fromisoformat(each["time"]).utcoffset().total_seconds() == 0 for each in told)
    crash = next(each for each in told if each["event"] == "child_exited")
    assert (crash["reason"], crash["code"], crash["tail"]) == ("crashed", 1, ["no licence found"])
    assert (error["event"], error["kind"]) == ("error", "TOO_MANY_RESTARTS")


# -- who reads it ------------------------------------------------------------------------------------------------------


def on_a_terminal(folder, *arguments, env=None):
    """What the command prints on a terminal of its own."""
    ours, its = pty.openpty()
    with running("run", *arguments, "tree.py", cwd=folder, env=env, stdout=its, stderr=its) as command:
        os.close(its)
        printed = bytearray()
        while data := read(ours):
            printed += data
        assert command.end() == 0
    os.close(ours)
    return printed.decode()


def read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: nobody has it open any more
        return b""


def test_a_terminal_is_given_colors(tmp_path):
    short(tmp_path)
    assert "\x1b[32mready" in on_a_terminal(tmp_path, env={"TERM": "xterm"})


@pytest.mark.parametrize(("arguments", "env"), [(["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})])
def test_no_colors_where_they_are_not_wanted(tmp_path, arguments, env):
    short(tmp_path)
    printed = on_a_terminal(tmp_path, *arguments, env={"TERM": "xterm", **env})
    assert "\x1b" not in printed
    assert "app     ready" in printed


def test_a_pipe_is_given_no_colors(tmp_path):
    short(tmp_path)
    command, _ = finished("run", "tree.py", cwd=tmp_path, env={"TERM": "xterm"})
    assert "\x1b" not in str(command.stdout) + str(command.stderr)


FLOOD = """
app = SupervisorSpec(
    name="app",
    auto_shutdown="any_significant",
    children=[ChildSpec(name="a", command=children.floods(2_000_000), restart="transient", significant=True)],
)
"""


def test_a_reader_who_goes_away_is_harmless(tmp_path):
    write_tree(tmp_path, FLOOD)
    reader, writer = os.pipe()
    with running("run", "tree.py", cwd=tmp_path, stdout=writer) as command:
        os.close(writer)
        head = subprocess.run(["head", "-n", "1"], stdin=reader, capture_output=True, text=True)
        os.close(reader)
        assert command.end() == 0
    assert head.stdout.startswith("a   | 0000")
    assert command.stderr.wait_for("app  ended well")
    assert "Traceback" not in str(command.stderr)


def test_a_reader_who_reads_nothing_holds_nobody_up(tmp_path):
    write_tree(tmp_path, FLOOD)
    reader, writer = os.pipe()
    with running("run", "tree.py", cwd=tmp_path, stdout=writer) as command:
        os.close(writer)
        command.stderr.wait_for("app  ended well")
        assert command.end() == 0
    os.close(reader)


def test_closed_streams_are_harmless(tmp_path):
    short(tmp_path, code=7)
    shell = 'exec "$0" -m regrow run tree.py >&- 2>&-'
    result = subprocess.run(["sh", "-c", shell, sys.executable], cwd=tmp_path, timeout=PATIENCE)
    assert result.returncode == 7
