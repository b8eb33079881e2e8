"""Runs guardian.py as nobody: `python as_nobody.py GUARDIAN ARGUMENT...`, by root.

Our own Python may be where nobody else can read it, so it loads what the guardian imports while it still can.
"""

# ruff: noqa: F401
# pyright: reportUnusedImport=false
import __future__

import ctypes
import errno
import fcntl
import gc
import os
import resource
import select
import signal
import socket
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

NOBODY = 65534
PR_SET_DUMPABLE = 4


def become_nobody() -> None:
    """As if it had been nobody's from the start."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    with open(sys.argv[0], encoding="utf-8") as file:
        program = compile(file.read(), sys.argv[0], "exec")
    become_nobody()
    exec(program, {"__name__": "__main__"})
