"""The libraries of Windows, loaded."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
from typing import Any


class WindowsLibraries:
    """See `functions.Libraries`."""

    def __init__(self) -> None:
        # use_last_error: ctypes keeps the number of the error for us; what Python calls in between would change it.
        self._libraries = {name: ctypes.WinDLL(name, use_last_error=True) for name in ("kernel32", "ntdll")}

    def find(self, library: str, name: str) -> Any:
        """The function *name* of *library*: an object of our own, whose types nobody else sets."""
        return self._libraries[library][name]

    def last_error(self) -> int:
        """The number of the error of the last call in this thread."""
        return ctypes.get_last_error()

    def error(self, number: int) -> OSError:
        """The error of that number, with its words."""
        return ctypes.WinError(number)
