"""Each example runs, ends by itself, and prints what it promises."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.faces.cli_command import PATIENCE, finished, pid_in, running

assert sys.platform != "win32"

EXAMPLES = Path(__file__).parents[2] / "examples"

PROMISED = {
    "01_first_tree.py": r"""
web is process (?P<first>\d+)
http://127\.0\.0\.1:\d+/ says: <h1>It is up\.</h1>
web crashed \(SIGKILL\)
web is process (?!(?P=first)\b)\d+
http://127\.0\.0\.1:\d+/ says: <h1>It is up\.</h1>
all are gone
""",
    "02_strategies.py": r"""
strategy +stopped +started
one_for_one +- +b
one_for_all +c, a +a, b, c
rest_for_one +c +b, c
""",
    "03_worker_pool.py": r"""
worker-\d crashed \(SIGABRT\) over 13
worker-\d is back \(incarnation 2\) and does 13 again
squares: 1, 4, 9, 16, 25, 36, 49, 64, 81, 100, 121, 144, 169, 196, 225, 256, 289, 324, 361, 400
""",
    "05_socket.py": r"""
restarts: 4
incarnation 1 has greeted 5
incarnation 2 has greeted 5
incarnation 3 has greeted 5
incarnation 4 has greeted 5
incarnation 5 has greeted 3
refused: 0
""",
    "04_embedded.py": r"""
application: at work
application: cancelled, because the tree has ended
the story: supervisor 'app' gave up: .* the last straw was workers/bad: crashed \(exit code 1\)
 +\| no licence found
application: goes on without it
""",
    "09_limits.py": r"""
worker: memory above 40 MiB
worker is degraded
worker is unhealthy
worker: over_limit, memory above 120 MiB
worker is back: incarnation 2
""",
    "10_pause.py": r"""
batch is paused and web is ready
in half a second the batch jobs used 0\.0\d s of CPU time
batch is ready again, and at work
""",
    "07_readiness.py": r"""
server waits for READY=1 and line '\^loaded\$' on its output and OK from http://127\.0\.0\.1:\d+/health with '\^fine\$'
server says: loading
server waits for OK from http://127\.0\.0\.1:\d+/health with '\^fine\$'
server is ready
thief waits for TCP port 127\.0\.0\.1:\d+
thief waits for TCP port 127\.0\.0\.1:\d+ \(answered by process \d+ \(python.*\), which is not its own\)
thief: failed to start \(SIGTERM\): not ready within 1 s: still waiting for TCP port .*
""",
    "06_state_dir.py": r"""
the second is refused: the first is process \d+
ended before the start: \d
the worker runs: ready
""",
    "11_simulate.py": r"""
restarts in window   gives up within a month
 +1 in 3600 +100% \+- \d+%
 +3 in 3600 +\d\d% \+- \d+%
 +3 in 600 +\d+% \+- \d+%
 +6 in 3600 +\d% \+- \d+%
""",
    "08_watchdog.py": r"""
ill seems to hang; the last sign of life was its heartbeat
ill hangs: sleeping, at File ".*beat\.py", line \d+ in wait_for_ever
ill has ended: hung
restarts: well 0, ill 1, busy 0
""",
}


def test_every_example_has_its_promise_here():
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == sorted(PROMISED)


@pytest.mark.parametrize("name", PROMISED)
def test_an_example_does_what_it_promises(name):
    # Unbuffered, Python writes the end of a line by itself, and a line of a child's may come in between.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    program = [sys.executable, EXAMPLES / name]
    result = subprocess.run(
        program, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=env, timeout=PATIENCE
    )
    assert result.returncode == 0, result.stderr
    # Other lines may come in between: those of children, and of the log.
    promised = "(?:.*\n)*?".join(f"{line}\n" for line in PROMISED[name].strip("\n").splitlines())
    assert re.search(f"^{promised}", result.stdout, re.MULTILINE), result.stdout


@pytest.mark.parametrize("name", PROMISED)
def test_an_example_passes_the_check(name):
    command, code = finished("check", str(EXAMPLES / name), cwd=EXAMPLES.parent)
    assert code == 0, str(command.stderr)


def test_the_first_tree_survives_a_kill_9_and_obeys_ctrl_c():
    with running("run", "examples/01_first_tree.py", cwd=EXAMPLES.parent) as command:
        command.stderr.wait_for("app      ready")
        os.kill(pid_in(command.stderr.wait_for("web      ready")), signal.SIGKILL)
        command.stderr.wait_for("web      crashed (SIGKILL)")
        pid = pid_in(command.stderr.wait_for("web      started again"))
        command.stderr.wait_for("ready after", f"(pid {pid})")
        command.send(signal.SIGINT)
        assert command.end() == 0
    assert command.stderr.with_text("prepare", "completed")
    assert command.stderr.lines[-1].split("  ", 1)[1].startswith("app      stopped")
