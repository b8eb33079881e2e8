"""What a guardian says about the machine it is on."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import shutil
import subprocess

import pytest

WORDS = {"pidfd", "children-file", "namespace", "userns-namespace", "cgroup-into"}


def probe(*command: str) -> set[str]:
    done = subprocess.run([*command, "--probe"], capture_output=True, timeout=20, check=True)
    line = done.stdout.decode()
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert not done.stderr
    return set(line.split())


def test_it_says_in_words_what_there_is(guardian):
    words = probe(*guardian)
    assert words <= WORDS
    assert {"pidfd", "children-file"} <= words


def test_it_says_the_same_when_nothing_is_open(guardian):
    closed = ["/bin/sh", "-c", 'exec "$@" 0<&- 2>&-', "sh", *guardian]
    assert probe(*closed) == probe(*guardian)


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root can lose a privilege")
def test_a_namespace_without_privileges_is_another_thing(guardian):
    if "namespace" not in probe(*guardian):
        pytest.skip("NOT TESTED: namespaces are not to be had here")
    assert "namespace" not in probe("setpriv", "--bounding-set=-sys_admin", *guardian)


def test_what_was_left_out_is_not_there(variant):
    for name, word in (("NO_PIDFD", "pidfd"), ("NO_CHILDREN_FILE", "children-file")):
        assert word not in probe(*variant(name))


def test_nonsense_is_refused(guardian):
    for wrong in ([], ["--help"], ["1", "2", "3"]):
        assert subprocess.run([*guardian, *wrong], stderr=subprocess.DEVNULL, timeout=20).returncode == 2
