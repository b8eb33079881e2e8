"""The means that a POSIX system gives to keep a process tree in one place, each tried out."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from regrow._edge.cgroups.place import VARIABLE, Place, find_cgroup
from regrow._edge.cgroups.wanting import are_for_all
from regrow._edge.grouping.handle import has_pidfd
from regrow._edge.guardian.locate import locate
from regrow._edge.guarding.namespaces import why_no_namespace
from regrow._edge.machine.facts import Layer

_LIMIT = 10.0  # seconds for a guardian to look around, which takes it a hundredth of one
_ALL = "a stop ends the whole tree, daemons too, and nothing survives the supervisor"


def layers() -> Iterator[Layer]:
    """All of them, the plainest first."""
    yield Layer(
        name="process group",
        is_there=True,
        promise="a stop ends what has stayed in the child's group",
    )
    if sys.platform == "linux":
        yield from _guardians()
        yield _pidfd()
        yield _children_file()
        yield _cgroup()
        yield _namespace()
        yield _no_new_privs()
    else:
        yield Layer(name="guardian", is_there=False, promise=_ALL, detail=f"there is none for {sys.platform} yet")


def _guardians() -> Iterator[Layer]:
    kinds: tuple[tuple[str, Literal["compiled", "python"], str], ...] = (
        ("guardian, compiled", "compiled", "it is made when regrow is built or installed, where there is a C compiler"),
        ("guardian, in Python", "python", "sys.executable names no Python that can be run"),
    )
    for name, kind, why in kinds:
        command = locate(kind)
        trouble = why if command is None else _why_not(command)
        yield Layer(name=name, is_there=not trouble, promise=_ALL, detail=trouble or " ".join(command or ()))


def _why_not(command: list[str]) -> str:
    """Why a guardian cannot be executed here; empty if it can."""
    try:
        tried = subprocess.run([*command, "--probe"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_LIMIT)
    except OSError as error:
        return f"{command[0]} cannot be executed: {error.strerror}"
    except subprocess.TimeoutExpired:
        return f"{command[0]} does not answer"
    if tried.returncode:
        return f"{command[0]} does not run here: exit code {tried.returncode}"
    return ""


def _pidfd() -> Layer:
    is_there = has_pidfd()
    why = "the kernel is older than 5.4, or a filter of the container forbids pidfd_open"
    return Layer(
        name="pidfd",
        is_there=is_there,
        promise="an end is noticed at once; else, processes are looked at now and then",
        detail="" if is_there else why,
    )


def _children_file() -> Layer:
    is_there = Path("/proc/thread-self/children").exists()
    why = "the kernel is made without CONFIG_PROC_CHILDREN, or /proc is not that of this pid namespace"
    return Layer(
        name="/proc lists children",
        is_there=is_there,
        promise="a guardian finds whom it has to end; else it tries all numbers, which takes longer",
        detail="" if is_there else why,
    )


def _cgroup() -> Layer:
    place = find_cgroup()
    is_there = isinstance(place, Place)
    detail = place.describe() if isinstance(place, Place) else f"{place}; {VARIABLE} may name one that is delegated"
    if is_there and not are_for_all():
        detail += "; used for children that become another user, or ask for it: our guardians may signal everybody"
    return Layer(
        name="control groups",
        is_there=is_there,
        promise="those that have become another user are ended too; a tree's usage is counted",
        detail=detail,
    )


def _namespace() -> Layer:
    why = why_no_namespace()
    return Layer(
        name="pid namespaces",
        is_there=not why,
        promise='containment="namespace": nothing survives, even if all guardians are killed',
        detail=why,
    )


def _no_new_privs() -> Layer:
    return Layer(
        name="no_new_privs",
        is_there=True,
        promise="no_new_privs=True: no descendant can become another user",
    )
