"""Room for the descriptors of many children, before there are any."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import fcntl
import os
import resource
from contextlib import suppress

_ENOUGH = 4096
"""Descriptors: the table for them takes 32 KiB."""


def make_room() -> None:
    """Have a table for as many descriptors as we may use, up to some thousands.

    It grows when it has to, and in a process with threads Linux waits then until no processor can be reading the old
    one: some milliseconds, again and again while a thousand children start. A high number makes it grow once.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    highest = _ENOUGH if limit == resource.RLIM_INFINITY else min(limit, _ENOUGH)
    with suppress(OSError):  # there is no room: then it grows when it has to, or nothing can be started
        os.close(fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, highest - 1))
