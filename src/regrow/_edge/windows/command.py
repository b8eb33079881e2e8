"""What is to run, in the terms of Windows: its file, its command line, its environment."""

from __future__ import annotations

import errno
import ntpath
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence

from regrow._edge.windows.refusals import RefusedError

IsFile = Callable[[str], bool]

_EXTENSIONS = (".com", ".exe")  # the others of PATHEXT are for programs of their own, which is then the command
_BATCH = {".bat", ".cmd"}


def command_line(arguments: Sequence[str]) -> str:
    """One string that almost every program takes apart again into *arguments*, as Microsoft's C library does."""
    return subprocess.list2cmdline(arguments)


def merge(*environments: Mapping[str, str]) -> dict[str, str]:
    """All variables of *environments*; of two with one name, in whatever case, the later one, under its own name."""
    found = {name.upper(): (name, value) for each in environments for name, value in each.items()}
    return dict(found.values())


def find_program(program: str, env: Mapping[str, str], cwd: str | None, is_file: IsFile) -> str:
    """The file of *program*: looked up in the child's `PATH`, unless there is a directory in it.

    Nowhere else: not in our own directory, not in the current one, which Windows would look through first.

    Raises:
        RefusedError: there is no such file, or it is none that Windows executes itself.
    """
    path = next((value for name, value in env.items() if name.upper() == "PATH"), "")
    for place in _places(program, path, cwd):
        for candidate in _candidates(place):
            if is_file(candidate):
                return _no_batch(candidate)
    if _has_directory(program):
        raise RefusedError(f"program {program!r} was not found", errno.ENOENT)
    raise RefusedError(f"program {program!r} was not found in PATH ({path})", errno.ENOENT)


def _places(program: str, path: str, cwd: str | None) -> Iterator[str]:
    if _has_directory(program):
        yield ntpath.join(cwd or "", program)
    else:
        for entry in path.split(";"):
            if entry.strip('"'):
                yield ntpath.join(cwd or "", entry.strip('"'), program)


def _candidates(place: str) -> Iterator[str]:
    yield place
    if ntpath.splitext(place)[1].lower() not in _EXTENSIONS:
        for extension in _EXTENSIONS:
            yield place + extension


def _has_directory(program: str) -> bool:
    return bool(ntpath.dirname(program) or ntpath.splitdrive(program)[0])


def _no_batch(file: str) -> str:
    """*file*, unless Windows would run it by a shell that reads the arguments in a way of its own."""
    if ntpath.splitext(file)[1].lower() in _BATCH:
        raise RefusedError(
            f"{file!r} is a batch file, and cmd.exe would take its arguments for commands; "
            "if they come from nowhere else, write ['cmd.exe', '/d', '/c', ...]",
            errno.ENOEXEC,
        )
    return file
