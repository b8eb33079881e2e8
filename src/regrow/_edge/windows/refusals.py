"""Why a process cannot be created, in words."""

from __future__ import annotations

import errno

from regrow._edge.windows import numbers
from regrow._edge.windows.api import number_of
from regrow._specs.protocol import NotLaunched, Refusal

_CAPACITY = {
    numbers.ERROR_TOO_MANY_OPEN_FILES,
    numbers.ERROR_NOT_ENOUGH_MEMORY,
    numbers.ERROR_OUTOFMEMORY,
    numbers.ERROR_MAX_THRDS_REACHED,
    numbers.ERROR_NO_SYSTEM_RESOURCES,
    numbers.ERROR_PAGEFILE_QUOTA,
    numbers.ERROR_COMMITMENT_LIMIT,
    numbers.ERROR_NOT_ENOUGH_QUOTA,
}
_COMPLAINTS = {
    numbers.ERROR_FILE_NOT_FOUND: "was not found",
    numbers.ERROR_PATH_NOT_FOUND: "was not found",
    numbers.ERROR_BAD_EXE_FORMAT: "has a bad format: it is no program of Windows; name the program that runs it",
    numbers.ERROR_EXE_MACHINE_TYPE_MISMATCH: "is for another kind of processor",
    numbers.ERROR_SHARING_VIOLATION: "is busy: somebody has it open and does not share it",
    numbers.ERROR_ELEVATION_REQUIRED: "wants to run as an administrator, and we do not",
    numbers.ERROR_ACCESS_DENIED: "is not ours to execute",
}


class RefusedError(Exception):
    """What cannot be run; `answer` says why."""

    def __init__(self, why: str, number: int | None) -> None:
        super().__init__(why)
        self.answer = NotLaunched(refusal=Refusal.PROGRAM, why=why, errno=number)


def explain(error: Exception, program: str) -> NotLaunched:
    """What *error*, which the creation of a process has raised, means."""
    if isinstance(error, MemoryError):
        return NotLaunched(refusal=Refusal.CAPACITY, why="no memory for another process", errno=errno.ENOMEM)
    if not isinstance(error, OSError):
        return NotLaunched(refusal=Refusal.PROGRAM, why=f"program {program!r} cannot be executed: {error}")
    number = number_of(error)
    if number in _CAPACITY or error.errno in {errno.EMFILE, errno.ENOMEM}:
        why = f"no room for another process: {error.strerror}"
        return NotLaunched(refusal=Refusal.CAPACITY, why=why, errno=error.errno)
    complaint = _COMPLAINTS.get(number, f"cannot be executed: {error.strerror}")
    return NotLaunched(refusal=Refusal.PROGRAM, why=f"program {program!r} {complaint}", errno=error.errno)
