"""Nothing survives the supervisor, nor any one guardian, whenever they die.

Here in short. `REGROW_TORTURE=20` runs twenty times as many; `python -m tests.guardian.torture` one kind of them.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.guardian.leaves import make_leaf, remove_leaf
from tests.guardian.torture import MODES

from regrow._edge.guardian import build

pytestmark = pytest.mark.soak  # minutes: nothing uses the guardian yet

FACTOR = int(os.environ.get("REGROW_TORTURE", "1"))
RUNS = {"supervisor": 30, "namespace: everybody": 30}
DELAYED = ("supervisor", "nest", "nest+supervisor", "shim+supervisor")
ROOT = Path(__file__).parents[2]


def torture(guardian: Path, mode: str, runs: int) -> None:
    seed = int.from_bytes(os.urandom(3), "big")
    command = [sys.executable, "-m", "tests.guardian.torture", str(guardian), mode, str(runs), str(seed)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    result = json.loads(done.stdout)
    print(result)
    assert not result["left"], result


def why_not(mode: str) -> str | None:
    """What is missing here for this kind of torture."""
    if mode.startswith("namespace: ") and os.getuid() != 0:
        return "namespaces may not be allowed to an ordinary user"
    if not mode.startswith("cgroup: "):
        return None
    leaf = make_leaf(f"guardian-test-{os.getpid()}")
    if leaf is None or os.getuid() != 0 or shutil.which("setpriv") is None:
        return "there is no cgroup that we may make, or nobody whom we may not kill"
    remove_leaf(leaf)
    return None


@pytest.fixture
def plain(implementation, request) -> Path:
    return request.getfixturevalue("compiled") if implementation == "c" else build.PYTHON


@pytest.fixture
def delayed(implementation, tmp_path) -> Path:
    """A guardian that pauses between fork and exec."""
    if implementation == "c":
        path = build.build(tmp_path, options=["-DDELAY_BEFORE_EXEC_MS=100"])
        assert path is not None
        return path
    path = tmp_path / "delayed.py"
    constant = "DELAY_BEFORE_EXEC = 0.0"
    text = build.PYTHON.read_text()
    assert constant in text
    path.write_text(text.replace(constant, "DELAY_BEFORE_EXEC = 0.1"))
    return path


@pytest.mark.timeout(120 * FACTOR)
@pytest.mark.parametrize("mode", MODES)
def test_nobody_is_left_when_this_dies(plain, mode):
    if reason := why_not(mode):
        pytest.skip(f"NOT TESTED: {reason}")
    torture(plain, mode, RUNS.get(mode, 8) * FACTOR)


@pytest.mark.timeout(120 * FACTOR)
@pytest.mark.parametrize("mode", [*DELAYED, "namespace: everybody"])
def test_nobody_is_left_when_this_dies_between_fork_and_exec(delayed, mode):
    if reason := why_not(mode):
        pytest.skip(f"NOT TESTED: {reason}")
    torture(delayed, mode, 5 * FACTOR)
