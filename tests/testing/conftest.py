"""What the tests of the plugin share: a run of pytest in a process of its own, with the plugin and without ours."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

IS_INSTALLED = any(point.value == "regrow.testing.plugin" for point in entry_points(group="pytest11"))
LOADED = [] if IS_INSTALLED else ["-p", "regrow.testing.plugin"]

HEAD = f"""\
import os, signal, socket, subprocess, sys, threading
import pytest
import trio
from regrow import *
from regrow.events import *
from regrow.testing import *
from regrow.testing.plugin import supervised_server
PYTHON = {sys.executable!r}
"""


@pytest.fixture
def run(pytester):
    """Write a file of tests and run pytest on it."""
    pytester.makeini("[pytest]\ntrio_mode = true\n")

    def run(body, *arguments):
        pytester.makepyfile(test_it=HEAD + body)
        plain = ["-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist"]
        return pytester.runpytest_subprocess(*LOADED, *plain, *arguments, timeout=60)

    return run
