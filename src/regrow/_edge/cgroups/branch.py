"""The control group of one launcher, and the leaves on it. All of this may block, and is done in threads."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from threading import Lock

import attrs

from regrow._edge.cgroups import group
from regrow._edge.cgroups.claiming import Swept, claim, disclaim, sweep
from regrow._edge.cgroups.place import WANTED, Place

_SWEEP = 5.0  # seconds that may be spent on what the dead have left
_REMOVE = 0.05  # seconds that leaves may keep a thread busy that are not empty yet; then they are tried again
_CLOSE = 1.0  # seconds for all that is left when the launcher ends


@attrs.frozen
class Tended:
    """What came of a look after the leaves."""

    made: Sequence[str] = ()
    error: OSError | None = None
    """Why no more were made."""

    left: Sequence[str] = ()
    """What could not be removed yet."""


class Branch:
    """The control group of one launcher."""

    def __init__(self, place: Place) -> None:
        """Make it, and remove what the dead have left beside it.

        Raises:
            OSError: it cannot be made.
        """
        self.place = place
        self.swept: Swept = sweep(place.path, time.monotonic() + _SWEEP)
        self._claimed = claim(place.path)
        self._numbers = count(1)
        self._lock = Lock()  # nothing is made on it while it is being removed
        self._is_discarded = False
        self.directory = self._claimed.directory
        self.path = os.path.join(place.path, self._claimed.name)
        self.counts = self._have_counted()

    def _have_counted(self) -> frozenset[str]:
        """Have the controllers that there are count in each leaf."""
        for name in WANTED:
            with suppress(OSError):
                self._hand_on(name)
            with suppress(OSError):
                group.write(self.directory, "cgroup.subtree_control", b"+" + name.encode())
        with suppress(OSError):
            return frozenset(group.read(self.directory, "cgroup.subtree_control").decode().split())
        return frozenset()

    def _hand_on(self, name: str) -> None:
        """One that we are in cannot, says the kernel, except for the root; and that is not ours to change."""
        if not self.place.is_own and os.path.exists(f"{self.place.path}/cgroup.type"):
            with open(f"{self.place.path}/cgroup.subtree_control", "w", encoding="ascii") as control:
                control.write(f"+{name}")

    def tend(self, make: int, remove: Sequence[str]) -> Tended:
        """Remove leaves that are done with, and make new ones."""
        with self._lock:
            if self._is_discarded:
                return Tended()
            until = time.monotonic() + _REMOVE
            left = [name for name in remove if not self._remove(name, until)]
            return self._grow(make, left)

    def _grow(self, make: int, left: Sequence[str]) -> Tended:
        made = list[str]()
        try:
            for _ in range(make):
                made.append(self._make())
        except OSError as error:
            return Tended(made, error, left)
        return Tended(made, None, left)

    def _make(self) -> str:
        name = str(next(self._numbers))
        os.mkdir(name, 0o755, dir_fd=self.directory)
        return name

    def _remove(self, name: str, until: float) -> bool:
        with suppress(OSError):
            group.remove(self.directory, name, until)
            return True
        return False

    def kill(self, name: str) -> None:
        """Kill all that is in a leaf. Who is not there any more, or not ours, is waited for in vain."""
        with self._lock, suppress(OSError):
            if not self._is_discarded:
                group.write(self.directory, f"{name}/cgroup.kill", b"1")

    def discard(self) -> None:
        """Kill what is left, and remove it all. What cannot be removed is swept by the next one who comes."""
        with self._lock, suppress(OSError):
            self._is_discarded = True  # its descriptor may be another's from here on
            disclaim(self.place.path, self._claimed, time.monotonic() + _CLOSE)


def open_branch(found: Place | str) -> Branch | str:
    """A branch in the place that was found, or why there is none."""
    if isinstance(found, str):
        return found
    try:
        return Branch(found)
    except OSError as error:
        return f"no group can be made in {found.path}: {error.strerror}"
