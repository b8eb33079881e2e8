"""Ctrl-C at any line of ours leaves nothing, and never hangs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[1] / "children" / "interrupted.py"


def test_ctrl_c_at_every_third_line_of_ours_ends_everything():
    done = subprocess.run([sys.executable, PROGRAM, "3"], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[-2]) > 100
