"""The launcher of this machine, where that is Windows."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "win32"

from contextlib import AbstractAsyncContextManager

from regrow._edge.opened import OpenLocal, opened
from regrow._edge.tuning import Tuning
from regrow._edge.windows.jobbed import LEVEL as LEVEL
from regrow._edge.windows.limits import missing as missing
from regrow._edge.windows.system import WindowsSystem
from regrow._edge.windows.tools import JobTools
from regrow.exceptions import PlatformNotSupportedError


def open_jobs(tuning: Tuning, state_dir: str | None) -> AbstractAsyncContextManager[OpenLocal]:
    """An open launcher, whose processes are all in a job that ends with us.

    Raises:
        PlatformNotSupportedError: a state directory is asked for.
    """
    if state_dir is not None:
        raise PlatformNotSupportedError("a state directory", sys.platform, "nothing survives the job that ends with us")
    return opened(lambda: JobTools(tuning, WindowsSystem()))
