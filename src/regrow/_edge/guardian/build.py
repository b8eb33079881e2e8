"""Compile the guardian, where there is a C compiler. Nobody needs one: `guardian.py` is the same, only bigger.

The name of the compiled file says what it was made from, so that it is made once, and anew when the source or the
compiler's options change. It appears under this name by a rename: nobody ever executes half a file.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

SOURCE = Path(__file__).with_name("guardian.c")
PYTHON = Path(__file__).with_name("guardian.py")
"""The other implementation; it is run as `python -I -S guardian.py`."""

OPTIONS = (
    *("-std=c11", "-Os", "-Wall", "-Wextra", "-Werror"),
    *("-nostdlib", "-static", "-ffreestanding", "-fno-pie", "-no-pie"),
    *("-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-s"),
    *("-Wl,--build-id=none", "-Wl,-z,noseparate-code", "-Wl,-z,noexecstack"),
)
_LIMIT = 60.0  # seconds for a compiler, which needs one


def build(cache: Path, *, compiler: str = "cc", options: Sequence[str] = ()) -> Path | None:
    """The compiled guardian in the directory *cache*, made if it is not there yet; `None` if that cannot be done.

    Takes about 0.3 s when it has to be compiled; blocks meanwhile.
    """
    try:
        options = (*OPTIONS, *options)
        path = cache / f"guardian-{platform.machine()}-{_fingerprint(compiler, options)}"
        return path if os.access(path, os.X_OK) or _compile(path, compiler, options) else None
    except (OSError, subprocess.SubprocessError):
        return None


def _fingerprint(compiler: str, options: Sequence[str]) -> str:
    text = "\0".join((compiler, *options)).encode() + SOURCE.read_bytes()
    return hashlib.sha256(text).hexdigest()[:16]


def _compile(path: Path, compiler: str, options: Sequence[str]) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as directory:
        made = Path(directory, path.name)
        command = [compiler, *options, "-o", str(made), str(SOURCE)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LIMIT)
        if done.returncode == 0:
            made.replace(path)
        return done.returncode == 0
