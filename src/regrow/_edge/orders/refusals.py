"""Why a program cannot be executed: which part of the order it is, and what is the matter with it."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import errno
import os
import resource

from regrow._edge.orders.environment import Environment
from regrow._specs.protocol import NotLaunched, Refusal

_CAPACITY = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


class RefusedError(Exception):
    """An order that cannot be carried out; `answer` says why."""

    def __init__(self, answer: NotLaunched) -> None:
        super().__init__(answer.why)
        self.answer = answer


def find_program(program: str, env: Environment, cwd: str | None) -> str:
    """Where *program* is, looked up as `execvp` in the child would: in its own `PATH`, unless there is a slash in it.

    Raises:
        RefusedError: it is nowhere, or nowhere executable.
    """
    if os.sep in program:
        return program
    path = os.fsdecode(env.get(b"PATH", os.fsencode(os.defpath)))
    is_there = False
    for entry in path.split(os.pathsep):
        candidate = f"{entry or os.curdir}/{program}"
        seen = os.path.join(cwd or os.curdir, candidate)  # a relative entry counts from where the child will be
        if os.path.isfile(seen):
            is_there = True
            if os.access(seen, os.X_OK):
                return candidate
    if is_there:
        raise _refused(errno.EACCES, f"program {program!r} is not executable, where it was found in PATH ({path})")
    raise _refused(errno.ENOENT, f"program {program!r} was not found in PATH ({path})")


def no_file(error: OSError, path: str) -> RefusedError:
    """The refusal for a file for output that cannot be opened."""
    words = f"output file {path!r} cannot be opened: {error.strerror}"
    return _refused(error.errno, words)


def explain(error: Exception, program: str, cwd: str | None) -> NotLaunched:
    """What *error*, which a spawn has raised, means."""
    if isinstance(error, MemoryError):
        return NotLaunched(refusal=Refusal.CAPACITY, why="no memory for another process", errno=errno.ENOMEM)
    if not isinstance(error, OSError):
        return NotLaunched(refusal=Refusal.PROGRAM, why=f"program {program!r} cannot be executed: {error}")
    if error.errno in _CAPACITY:
        why = f"no room for another process: {error.strerror}{_limit(error.errno)}"
        return NotLaunched(refusal=Refusal.CAPACITY, why=why, errno=error.errno)
    if cwd is not None and error.filename == cwd and cwd != program:  # Popen names what it was about
        why = f"cwd {cwd!r} cannot be entered: {error.strerror}"
    else:
        path = os.path.join(cwd or os.curdir, error.filename or program)
        why = f"program {program!r} {_complaint(error, path)}"
    return NotLaunched(refusal=Refusal.PROGRAM, why=why, errno=error.errno)


def _refused(number: int | None, why: str) -> RefusedError:
    refusal = Refusal.CAPACITY if number in _CAPACITY else Refusal.PROGRAM
    return RefusedError(NotLaunched(refusal=refusal, why=why, errno=number))


def _limit(number: int) -> str:
    """Which limit that was, if it is ours to look up, and what to do."""
    if number != errno.EMFILE:
        return ""
    return f" (RLIMIT_NOFILE is {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}; raise it with `ulimit -n`)"


def _complaint(error: OSError, path: str) -> str:
    match error.errno:
        case errno.ENOENT if os.path.lexists(path):
            return f"is there, but not what has to run it: {_interpreter(path)}"
        case errno.ENOENT:
            return "was not found"
        case errno.EACCES if os.path.isdir(path):
            return "is a directory"
        case errno.EACCES if os.path.isfile(path) and not os.access(path, os.X_OK):
            return "is not executable"
        case errno.ENOEXEC:
            return "has a bad format: neither a program of this system nor a script that begins with '#!'"
        case errno.ETXTBSY:
            return "is busy: somebody has it open for writing"
        case _:
            return f"cannot be executed: {error.strerror}"


def _interpreter(path: str) -> str:
    """What the first line of a script asks for."""
    try:
        with open(path, "rb") as script:
            line = script.readline(256)
    except OSError as error:
        return f"{error.strerror}"
    if line.startswith(b"#!"):
        return os.fsdecode(line[2:].strip())
    return "its loader, or a library of another architecture"
