"""Processes that a test leaves behind."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

Root = tuple[int, float]
"""A child of ours, by its number and the moment of its start."""

_PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 36, 37
_PATIENCE = 2.0
_TICK = 0.01
"""Seconds by which a process may seem older than it is: the kernel counts its start in ticks."""


def now() -> float:
    """The moment on the clock of `started`: on Linux, seconds since boot, which nobody sets."""
    if _system() != "linux":
        return time.time()
    since_boot: float = getattr(time, "clock_gettime")(getattr(time, "CLOCK_BOOTTIME"))  # noqa: B009  not on Windows
    return since_boot


def started(pid: int) -> float:
    """When it was started.

    Raises:
        psutil.Error: it is gone.
    """
    if _system() != "linux":
        return psutil.Process(pid).create_time()
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError as error:
        raise psutil.NoSuchProcess(pid) from error
    return int(text.rpartition(")")[2].split()[19]) / float(getattr(os, "sysconf")("SC_CLK_TCK"))  # noqa: B009


def become_subreaper(wanted: bool) -> bool:
    """Whether those who lose their parent below us become our children; returns what was so before."""
    if _system() != "linux":
        return False
    control = ctypes.CDLL(None, use_errno=True).prctl
    before = ctypes.c_int(0)
    control(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    control(_PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0)
    return bool(before.value)


def look() -> frozenset[Root]:
    """Our children. Whoever is below us is below one of them."""
    found: set[Root] = set()
    for pid in _children():
        with suppress(psutil.Error):
            if not _is_tracker(pid):
                found.add((pid, started(pid)))
    return frozenset(found)


def _children() -> list[int]:
    try:  # where the kernel has a list of them: a look at all processes of the machine takes milliseconds
        texts = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
    except OSError:  # a thread has ended meanwhile
        texts = []
    if texts:
        return [int(word) for text in texts for word in text.split()]
    return [one.pid for one in psutil.Process().children()]


def with_descendants(roots: frozenset[Root]) -> frozenset[Root]:
    """Them and all below them, who may become our children later."""
    found = set(roots)
    for pid, _ in roots:
        for one in _below(pid):
            with suppress(psutil.NoSuchProcess):
                found.add((one.pid, started(one.pid)))
    return frozenset(found)


def _below(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def since(roots: frozenset[Root], began: float) -> frozenset[Root]:
    """Those that were started after that moment: the kernel may leave one out of its list while another one ends."""
    return frozenset(root for root in roots if root[1] >= began - _TICK)


def without_dead(roots: frozenset[Root]) -> frozenset[Root]:
    """Those that live. The dead are reaped: who lost its parent and has ended has nobody but us to do it."""
    return frozenset(root for root in roots if not _is_dead(root))


def besides_trees(roots: frozenset[Root]) -> frozenset[Root]:
    """Those that are none of what trees start in this process: children with a path, and guardians."""
    return frozenset(root for root in roots if not _is_of_tree(root[0]))


def end(roots: Iterable[Root], began: float) -> Iterator[str]:
    """Kill them and all below them; tell who they were."""
    for pid, _ in sorted(roots):
        with suppress(psutil.NoSuchProcess):
            family = [psutil.Process(pid), *_below(pid)]
            stories = [_story(one, began) for one in family]
            _kill(family)
            yield from stories


def _kill(family: list[psutil.Process]) -> None:
    for one in family:
        with suppress(psutil.Error):
            one.kill()
    psutil.wait_procs(family, timeout=_PATIENCE)  # reaps what is our child by then


def _story(process: psutil.Process, began: float) -> str:
    try:
        with process.oneshot():
            words = " ".join(process.cmdline()) or process.name()
            after = max(0.0, started(process.pid) - began)
            origin = (
                f"started {after:.2f} s after the test began, in {_cwd(process)}{_session(process)}{_path(process)}"
            )
            return f"process {process.pid}: {words[:200]} ({origin}; child of {process.ppid()})"
    except psutil.Error:
        return f"process {process.pid} (gone by now)"


def _cwd(process: psutil.Process) -> str:
    try:
        return process.cwd()
    except psutil.Error:
        return "?"


def _session(process: psutil.Process) -> str:
    session = getattr(os, "getsid", lambda _: 0)  # Windows has none
    with suppress(OSError):
        if session(process.pid) != session(0):
            return ", in another session"
    return ""


def _path(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        if path := process.environ().get("REGROW_PATH"):
            return f", of the child {path} of a tree"
    return ""


def _is_dead(root: Root) -> bool:
    pid, _ = root
    try:
        if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            return False
        os.waitpid(pid, getattr(os, "WNOHANG", 0))
    except (psutil.NoSuchProcess, OSError):
        pass
    return True


def _is_of_tree(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True  # whoever started it reaps it
        return "REGROW_PATH" in process.environ() or any("guardian" in word for word in process.cmdline()[:4])
    except psutil.Error:
        return True


def _system() -> str:
    """Asked here, so that no type checker believes that it knows the answer."""
    return sys.platform


def _is_tracker(pid: int) -> bool:
    """Whether it is Python's own, which multiprocessing keeps as long as we live."""
    module = sys.modules.get("multiprocessing.resource_tracker")
    return module is not None and pid == getattr(module._resource_tracker, "_pid", None)
