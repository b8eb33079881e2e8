"""The list of what runs, in a file: a line for each start and each end, and made anew when it has grown.

Nothing here is ever forced onto the disk, and nothing need be: a process that is killed takes nothing back that it has
written, and when the machine goes down, so does all that is on the list.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import errno
import os
import time
from contextlib import suppress

from regrow._edge.survivors.folder import Folder
from regrow._edge.survivors.record import Contents, Entry, Owner, line_of_end, line_of_owner, line_of_start, read

LIST = "processes"
_NEXT = "processes.new"
_DAMAGED = "processes.damaged"

_SLACK = 64 * 1024  # bytes of the file that are no reason to make it anew
_PAUSE = 1.0  # seconds between two tries, where the disk is full


def read_list(folder: Folder) -> Contents:
    """What the last owner of *folder* has left on its list.

    Raises:
        OSError: it cannot be read.
        OtherFormatError: it cannot be understood.
    """
    data = folder.read(LIST)
    return Contents() if data is None else read(data)


def keep_damaged(folder: Folder) -> None:
    """Put a list that is not whole aside, for people to look at."""
    folder.rename(LIST, _DAMAGED)


class Book:
    """The list of one owner. Nothing of it raises but the beginning: what cannot be written now is written later."""

    def __init__(self, folder: Folder, owner: Owner) -> None:
        """Begin with an empty list.

        Raises:
            OSError: it cannot be written.
        """
        self._folder = folder
        self._head = line_of_owner(owner)
        self._lines: dict[int, bytes] = {}
        """Of what runs."""
        self._last = 0
        self._needed = 0  # bytes of those
        self._size = 0  # bytes of the file
        self._is_behind = False
        """Something is missing in the file, which has to be made anew."""
        self._not_before = 0.0
        """When that may be tried again."""
        self._fd = -1
        self._rewrite()

    def note(self, entry: Entry) -> int:
        """Write down that something runs; the number to strike it out with."""
        self._last += 1
        line = self._lines[self._last] = line_of_start(self._last, entry)
        self._needed += len(line)
        self._write(line)
        return self._last

    def strike(self, number: int) -> None:
        """Write down that it does not run any more."""
        if line := self._lines.pop(number, None):
            self._needed -= len(line)
            self._write(line_of_end(number))

    def close(self) -> None:
        """No more is written. A list on which nobody is left is removed."""
        if not self._lines:
            with suppress(OSError):  # then an empty list stays, which says the same
                self._folder.remove(LIST)
        os.close(self._fd)

    def _write(self, line: bytes) -> None:
        if not self._is_behind:
            self._append(line)
        has_grown = self._size > 2 * self._needed + _SLACK
        if (self._is_behind or has_grown) and time.monotonic() >= self._not_before:
            with suppress(OSError):
                self._rewrite()

    def _append(self, line: bytes) -> None:
        with suppress(OSError):
            if os.write(self._fd, line) == len(line):
                self._size += len(line)
                return
        self._is_behind = True  # and nothing may follow what is perhaps half a line

    def _rewrite(self) -> None:
        """Make the file anew with what runs. Until that is complete, the old one is there."""
        self._not_before = time.monotonic() + _PAUSE
        fd = self._folder.open(_NEXT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        try:
            data = b"".join((self._head, *self._lines.values()))
            if os.write(fd, data) != len(data):
                raise OSError(errno.ENOSPC, "no space left for it")
            self._folder.rename(_NEXT, LIST)
        except OSError:
            os.close(fd)
            with suppress(OSError):
                self._folder.remove(_NEXT)
            raise
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._size, self._is_behind, self._not_before = fd, len(data), False, 0.0
