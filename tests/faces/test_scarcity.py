"""What is scarce, or not there at all, is a clear error and an exit code, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CANNOT_START = (
    "import sys, regrow;"
    "spec = regrow.SupervisorSpec(name='t', children=[regrow.ChildSpec(name='a', command=['no-such-program'])]);"
    "sys.exit(regrow.run(spec, sinks=[]))"
)
NO_DESCRIPTORS = (
    "import os, resource, sys, regrow;"
    "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40));"
    "held = [os.open(os.devnull, 0) for _ in range(26)];"
    "spec = regrow.SupervisorSpec(name='t', children=[regrow.ChildSpec(name='a', command=['true'])]);"
    "sys.exit(regrow.run(spec, sinks=[]))"
)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is always full")
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_the_exit_code_is_right_also_where_nobody_can_be_told_why(redirection):
    command = ["sh", "-c", f'exec "$0" -c "$1" {redirection}', sys.executable, CANNOT_START]
    assert subprocess.run(command, timeout=60).returncode == 69


def test_without_descriptors_it_says_so_and_starts_nothing():
    command = [sys.executable, "-c", NO_DESCRIPTORS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 69, done.stderr
    assert "Too many open files" in done.stderr
    assert "Traceback" not in done.stderr
