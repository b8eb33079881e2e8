"""How a driver in Python talks to the session: single letters on descriptor 0, as `floor.c` says."""

from __future__ import annotations

import fcntl
import os


class Control:
    """The driver's end."""

    def __init__(self) -> None:
        self.fd = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(null, 0)
        os.dup2(null, 1)

    def say(self, letter: bytes) -> None:
        """Tell it something."""
        os.write(self.fd, letter)

    def wait(self, letter: bytes) -> None:
        """Wait for an order; blocks. If the session is gone, so are we."""
        if os.read(self.fd, 1) != letter:
            raise SystemExit("the session has ended, or is confused")
