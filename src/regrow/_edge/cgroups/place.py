"""Where we may make control groups: found by trying, and if there is no such place, why not."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import attrs

from regrow._edge.cgroups import group
from regrow._edge.cgroups.claiming import claim, disclaim
from regrow._edge.cgroups.whereabouts import Mount, directory_of, read_mounts, read_own, why_hidden

VARIABLE = "REGROW_CGROUP"
"""Names a directory below which groups may be made; it has been delegated to whoever we run as."""

WANTED = ("memory", "pids")
"""The controllers that only count. That of CPU time is counted without one; with it, time would be shared out anew."""

_BOUND = 1.0  # seconds that a group that nobody was in has to vanish


@attrs.frozen
class Place:
    """A control group in which we may make others, and put our children there."""

    path: str
    is_own: bool
    """Whether it is the one that we are in: then the kernel lets it hand no controllers on."""

    controllers: frozenset[str] = frozenset()
    """Those that groups made there have."""

    def describe(self) -> str:
        """In words, for people."""
        where = f"{self.path}, the group that we are in" if self.is_own else self.path
        missing = [name for name in WANTED if name not in self.controllers]
        counted = ", ".join(["CPU time", *(name for name in WANTED if name not in missing)])
        return f"{where}; counted there: {counted}" + (f"; not counted: {', '.join(missing)}" if missing else "")


class _UnfitError(Exception):
    """Why groups cannot be made in a certain place."""


def find_cgroup(
    proc: str = "/proc/self", environ: Mapping[str, str] | None = None, *, is_tried: bool = True
) -> Place | str:
    """The best place for groups, or why there is none.

    Args:
        proc: where `mountinfo` and `cgroup` are.
        environ: where `REGROW_CGROUP` may be.
        is_tried: whether a group is made in each place, and removed, which may block. If not, it is but likely that
            groups can be made in what is found.
    """
    try:
        mounts = read_mounts(_text(f"{proc}/mountinfo"))
        own = read_own(_text(f"{proc}/cgroup"))
    except OSError as error:
        return f"where control groups are cannot be seen: {error}"
    if not mounts:
        return "no control groups of version 2 are mounted here"
    if own is None:
        return "we are in no control group of version 2"
    if why := why_hidden(own):
        return why
    wanted = (os.environ if environ is None else environ).get(VARIABLE, "")
    return _first_fit(own, mounts, wanted, _try if is_tried else _look_at_rights)


def _first_fit(
    own: str, mounts: list[Mount], wanted: str, examine: Callable[[str, str], frozenset[str]]
) -> Place | str:
    whys = list[str]()
    for mount in mounts:
        source = directory_of(own, mount)
        if source is None:
            whys.append(f"the control group that we are in ({own}) is not below {mount.point}")
            continue
        if wanted and not _is_below(os.path.realpath(wanted), mount.point):
            whys.append(f"{VARIABLE}={wanted} is not below {mount.point}")
        for path in _candidates(source, mount.point, wanted):
            try:
                return Place(path, is_own=path == source, controllers=examine(path, source))
            except _UnfitError as unfit:
                whys.append(str(unfit))
    return "; ".join(dict.fromkeys(whys))


def _candidates(source: str, top: str, wanted: str) -> Iterator[str]:
    """What was asked for; but no other place than our own if that is below it: so trees stay within trees."""
    if wanted:
        wanted = os.path.realpath(wanted)
        if not _is_below(source, wanted) and _is_below(wanted, top):
            yield wanted
    yield source
    above = source if os.geteuid() else top  # to root, everything is writable
    while above != top and _is_below(above, top):  # where somebody has delegated more than our own group to us
        above = os.path.dirname(above)
        if _is_writable(above):
            yield above


def _is_below(path: str, top: str) -> bool:
    return path == top or path.startswith(f"{top.rstrip('/')}/")


def _is_writable(path: str) -> bool:
    return os.access(path, os.W_OK | os.X_OK, effective_ids=True)


def _try(path: str, source: str) -> frozenset[str]:
    """Make a group in *path*, and see whether a process could get from *source* into it.

    Raises:
        _UnfitError: it cannot.
    """
    _look_at_rights(path, source)
    try:
        claimed = claim(path)
    except OSError as error:
        raise _UnfitError(f"no group can be made in {path}: {_explain(error, path)}") from None
    try:
        return _look_at(claimed.directory, path)
    finally:
        with suppress(OSError):
            disclaim(path, claimed, time.monotonic() + _BOUND)


def _look_at_rights(path: str, source: str) -> frozenset[str]:
    """The kernel asks for more than the right to write where a process comes to: also in the group above both.

    Raises:
        _UnfitError: we have not got it.
    """
    common = os.path.commonpath([path, source])
    if not os.access(f"{common}/cgroup.procs", os.F_OK):
        raise _UnfitError(f"{common} is no control group")
    if not os.access(f"{common}/cgroup.procs", os.W_OK, effective_ids=True):
        raise _UnfitError(f"processes cannot be moved below {common}: {_why_not(common)}")
    if not _is_writable(path):
        raise _UnfitError(f"no group can be made in {path}: {_why_not(path)}")
    return frozenset()


def _look_at(directory: int, path: str) -> frozenset[str]:
    try:
        kind = group.read(directory, "cgroup.type").strip()
        if kind != b"domain":
            raise _UnfitError(f"groups below {path} are for threads, not for processes ({kind.decode()})")
        if not os.access("cgroup.kill", os.W_OK, dir_fd=directory, effective_ids=True):
            raise _UnfitError("the kernel is older than 5.14: it has no cgroup.kill")
        return frozenset(group.read(directory, "cgroup.controllers").decode().split())
    except OSError as error:
        raise _UnfitError(f"a group below {path} cannot be read: {error.strerror}") from None


def _explain(error: OSError, path: str) -> str:
    match error.errno:
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return _why_not(path)
        case errno.EAGAIN:
            return "there are as many groups, or as many one below the other, as there may be"
        case _:
            return os.strerror(error.errno or errno.EIO)


def _why_not(path: str) -> str:
    try:
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            return "it is mounted read-only"
        return f"it belongs to user {os.stat(path).st_uid}, and we are user {os.geteuid()}"
    except OSError as error:
        return os.strerror(error.errno or errno.EIO)


def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
