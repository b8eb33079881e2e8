"""What every hold of POSIX does in one way: by signals, and by the number of the main process."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import signal
from abc import ABC, abstractmethod

from regrow._edge import sample
from regrow._specs.protocol import Evidence, Sample
from regrow._specs.stop import To


class Signalled(ABC):
    """A part of a `holding.Hold`."""

    __slots__ = ()

    @property
    @abstractmethod
    def pid(self) -> int:
        """The number of its main process."""

    @abstractmethod
    def signal(self, number: int, to: To) -> None:
        """Send a signal."""

    def pause(self) -> None:
        """Hold its tree still."""
        self.signal(signal.SIGSTOP, To.TREE)

    def resume(self) -> None:
        """Let it go on."""
        self.signal(signal.SIGCONT, To.TREE)

    def take_sample(self) -> Sample | None:
        """One reading of its tree."""
        return sample.take_sample(self.pid)

    def gather_evidence(self) -> Evidence | None:
        """What it is doing."""
        return sample.gather_evidence(self.pid)
