"""The command line of a guardian, where it can be had. Nothing is compiled here, and nothing is started."""

from __future__ import annotations

import os
import sys
from typing import Literal

from regrow._edge.guardian import build


def locate(kind: Literal["compiled", "python"]) -> list[str] | None:
    """How to start a nest of this *kind* (its arguments are told in `wire`), or `None`: there is none here.

    The compiled one came with the package, or was made when that was installed. One that was made from another source,
    or for another kind of machine, is none; nor is one that may not be executed.
    """
    if _system() != "linux":
        return None
    return _locate_compiled() if kind == "compiled" else _locate_python()


def _system() -> str:
    """Asked here, so that no type checker believes that it knows the answer."""
    return sys.platform


def _locate_compiled() -> list[str] | None:
    try:
        path = build.compiled(build.SOURCE.parent)
    except OSError:
        return None
    return [str(path)] if os.access(path, os.X_OK) else None


def _locate_python() -> list[str] | None:
    if not sys.executable or not os.access(sys.executable, os.X_OK) or not build.PYTHON.is_file():
        return None
    return [sys.executable, "-I", "-S", str(build.PYTHON)]
