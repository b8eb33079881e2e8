"""Process ids that are soon another's."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import platform
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.soak

ROOT = Path(__file__).parents[2]
UNSHARE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
TIMES = int(os.environ.get("REGROW_TORTURE", "1"))
STARTS = 300 * TIMES


def has_own_limit() -> bool:
    """Before Linux 6.14 the number of process ids was one for the whole machine, which is not ours to change."""
    version = tuple(int(number) for number in platform.release().split(".")[:2] if number.isdigit())
    return version >= (6, 14) and subprocess.run([*UNSHARE, "true"], stderr=subprocess.DEVNULL).returncode == 0


def test_nobody_else_is_hit_when_process_ids_are_rare(guardian):
    if not has_own_limit():
        pytest.skip("NOT TESTED: no private pid namespace with a limit of its own is to be had here")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [*UNSHARE, sys.executable, "-m", "tests.guardian.crowded", str(STARTS), *guardian]
    assert subprocess.run(command, cwd=ROOT, env=environment, timeout=60 + 40 * TIMES).returncode == 0
