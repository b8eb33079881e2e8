"""Whether a process may have a pid namespace of its own here: tried out, once, in a process that is given up for it."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import subprocess
from functools import cache

_TRY = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
NEWUSER, NEWPID = 0x10000000, 0x20000000
if libc.unshare(NEWPID) and libc.unshare(NEWUSER | NEWPID):
    print(os.strerror(ctypes.get_errno()))
"""
_IS_LINUX = sys.platform == "linux"
_LIMIT = 10.0  # seconds for a process that needs 20 ms


@cache
def why_no_namespace() -> str:
    """Why there can be none, in words; empty if there can. Takes 20 ms, the first time."""
    if not _IS_LINUX:
        return f"there are no pid namespaces on {sys.platform}"
    try:
        command = [sys.executable, "-I", "-S", "-c", _TRY]
        tried = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT)
    except (OSError, subprocess.SubprocessError) as error:
        return f"whether a pid namespace can be had could not be tried: {error}"
    said = tried.stdout.strip()
    return f"the kernel refuses a pid namespace: {said}" if said or tried.returncode else ""
