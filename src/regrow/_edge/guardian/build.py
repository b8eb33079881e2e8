"""Compile the guardian, where there is a C compiler. Nobody needs one: `guardian.py` is the same, only bigger.

It is compiled when the package is built or installed (`hatch_build.py`), never when it runs; tests do it themselves.
The name of the compiled file says for which kind of machine it is and what it was made from, so that one of another
version is never taken for it. It appears under this name by a rename: nobody ever executes half a file.

This module imports nothing of ours: the build has nothing but the standard library.
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
    *("-std=c11", "-Os", "-Wall", "-Wextra"),
    *("-nostdlib", "-static", "-ffreestanding", "-fno-pie", "-no-pie"),
    *("-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-s"),
    *("-Wl,--build-id=none", "-Wl,-z,noseparate-code", "-Wl,-z,noexecstack"),
)
MACHINES = {"x86_64": 62, "aarch64": 183}
"""The kinds that guardian.c knows, and what an ELF file for each says at its start."""

_LIMIT = 60.0  # seconds for a compiler, which needs one


def build(directory: Path, *, compiler: Sequence[str] = ("cc",), options: Sequence[str] = ()) -> Path | None:
    """The compiled guardian in *directory*, made if it is not there yet; `None` if that cannot be done.

    Takes about 0.3 s when it has to be compiled; blocks meanwhile.
    """
    try:
        path = compiled(directory, options=options)
        return path if os.access(path, os.X_OK) or _compile(path, compiler, (*OPTIONS, *options)) else None
    except (OSError, subprocess.SubprocessError):
        return None


def compiled(directory: Path, *, options: Sequence[str] = ()) -> Path:
    """Where the one for this machine, made of this very source, is if it is in *directory*.

    Raises:
        OSError: there is no source.
    """
    made_from = "\0".join((*OPTIONS, *options)).encode() + SOURCE.read_bytes()
    return directory / f"guardian-{platform.machine()}-{hashlib.sha256(made_from).hexdigest()[:16]}"


def _compile(path: Path, compiler: Sequence[str], options: Sequence[str]) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as directory:
        made = Path(directory, path.name)
        command = [*compiler, *options, "-o", str(made), str(SOURCE)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LIMIT)
        if done.returncode or not _is_for_this_machine(made):
            return False
        made.replace(path)
        return True


def _is_for_this_machine(program: Path) -> bool:
    """A compiler may make programs for other machines."""
    head = program.read_bytes()[:20] if program.exists() else b""
    return head[:4] == b"\x7fELF" and int.from_bytes(head[18:20], "little") == MACHINES.get(platform.machine())
