"""Who is left is counted by the kernel."""

from __future__ import annotations

import subprocess

import pytest
from tests.containment.harness import ROOT, command, environment

SCRUBBED = "(env -i setsid sh -c 'sleep 1000' &); exit {code}"


def watch(*program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command("warden", *program), cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("code", [0, 7])
def test_the_exit_code_is_that_of_the_program(code):
    done = watch("sh", "-c", f"sleep 0.01 & exit {code}")
    assert (done.returncode, done.stderr) == (code, "")


def test_who_outlives_it_is_named_and_ended():
    done = watch("sh", "-c", SCRUBBED.format(code=0))
    assert done.returncode == 1
    assert "sleep 1000" in done.stderr
