"""Readings of Linux: `/proc/PID/stat` and the list of children, kept open, and read anew with pread.

A descriptor that is kept means one process for ever: when that is gone, it reads an error, and never another one that
was given its number. That costs a third of opening the file each time.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

import attrs

from regrow._edge.sampling.subject import Subject
from regrow._specs.protocol import Key, Sample

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MOST = 10_000  # descendants of one child: a fork bomb must not keep the thread busy for ever
_THOROUGH = 5  # readings from one look at the children of each single thread to the next
_SPELL = 0.01  # seconds of one reading that may be spent on what is shared; the rest has its turn in the next one
_LONGEST = 16  # characters of one number in a list: where a page has room for one more, the list is whole
_FLAGS = os.O_RDONLY | os.O_CLOEXEC


def has_children_lists() -> bool:
    """Whether the kernel lists children: it can be built without."""
    return os.path.exists(f"/proc/self/task/{os.getpid()}/children")


class Stat(NamedTuple):
    """What a line of `/proc/PID/stat` says."""

    state: bytes
    parent: int
    cpu: int
    """In ticks."""

    threads: int
    pages: int


def parse(line: bytes) -> Stat:
    """Read such a line: the name in it is in parentheses, and may have any in itself."""
    words = line[line.rindex(b")") + 2 :].split(None, 22)
    return Stat(words[0], int(words[1]), int(words[11]) + int(words[12]), int(words[17]), int(words[21]))


@attrs.define(eq=False)
class _Kept:
    """What is kept of one child."""

    stat: int
    children: int
    turn: int
    """Counts its readings."""

    of_threads: list[int] = attrs.field(factory=list)
    """Children that other threads than its first have made, as of the last thorough look."""

    pss: int | None = None
    pss_at: float = 0.0
    """When that was read."""

    def close(self) -> None:
        os.close(self.stat)
        os.close(self.children)


@attrs.define(eq=False)
class _Found:
    """One child as it is read."""

    subject: Subject
    kept: _Kept
    pids: list[int]
    pages: int
    cpu: float
    threads: int

    @property
    def rss(self) -> int:
        return self.pages * _PAGE


class ProcReader:
    """Keeps descriptors between readings. See `subject.Reader`."""

    def __init__(self) -> None:
        self.at: Key | None = None
        self._kept: dict[Key, _Kept] = {}
        self._shunned: set[Key] = set()
        self._turns = 0

    def read(self, subjects: Sequence[Subject]) -> dict[Key, Sample]:
        """One reading of each."""
        samples: dict[Key, Sample] = {}
        rest: list[_Found] = []
        for subject in subjects:
            match self._find(subject):
                case Sample() as sample:
                    samples[subject.key] = sample
                case _Found() as found:
                    rest.append(found)
                case _:
                    pass
        self._look_at_shared([one for one in rest if _is_large(one) and one.subject.key not in self._shunned])
        return samples | {one.subject.key: _sample(one) for one in rest if not self._is_in_doubt(one)}

    def drop(self, key: Key) -> None:
        """Give back what is kept of one."""
        self._shunned.discard(key)
        if key in self._kept:
            self._kept.pop(key).close()

    def close(self) -> None:
        """Give everything back."""
        for key in list(self._kept):
            self.drop(key)

    def shun(self, key: Key) -> None:
        """Do not look at its memory any more."""
        self._shunned.add(key)

    # -- a tree --------------------------------------------------------------------------------------------------------

    def _find(self, subject: Subject) -> _Found | Sample | None:
        try:
            kept = self._kept.get(subject.key) or self._open(subject)
            stat = parse(os.pread(kept.stat, 1024, 0))
            children = os.pread(kept.children, _PAGE, 0)
        except (OSError, ValueError):  # it is gone, or there is no descriptor left
            return None
        if stat.state == b"Z":
            return None
        kept.turn += 1
        is_alone = not children and stat.threads == 1 and subject.leaf is None
        if is_alone and not subject.wants_files and (subject.memory is None or stat.pages * _PAGE < subject.memory):
            return Sample(rss=stat.pages * _PAGE, cpu=stat.cpu / _TICK, descendants=0, threads=1)  # most are such
        found = _Found(subject, kept, [subject.pid], stat.pages, stat.cpu / _TICK, stat.threads)
        if not is_alone:
            self._add_descendants(found, children, stat.threads)
        return found

    def _open(self, subject: Subject) -> _Kept:
        stat = os.open(f"/proc/{subject.pid}/stat", _FLAGS)
        try:
            children = os.open(f"/proc/{subject.pid}/task/{subject.pid}/children", _FLAGS)
        except OSError:
            os.close(stat)
            raise
        self._turns += 1  # so that not all have their thorough look in the same reading
        kept = self._kept[subject.key] = _Kept(stat, children, self._turns)
        return kept

    def _add_descendants(self, found: _Found, children: bytes, threads: int) -> None:
        is_all = len(children) < _PAGE - _LONGEST
        first = _numbers(children) if is_all else _children_of(found.subject.pid)
        if threads > 1 and found.kept.turn % _THOROUGH == 0:
            found.kept.of_threads = _children_of(found.subject.pid)
        elif threads == 1:
            found.kept.of_threads = []
        seen = {found.subject.pid}
        for pid, stat in _walk([*first, *found.kept.of_threads, *_members(found.subject.leaf)], seen):
            found.pids.append(pid)
            found.pages += stat.pages
            found.cpu += stat.cpu / _TICK
            found.threads += stat.threads
        if (counted := _counted(found.subject.leaf)) is not None:
            found.cpu = counted  # those that have ended are in it

    # -- what is shared ------------------------------------------------------------------------------------------------

    def _look_at_shared(self, large: list[_Found]) -> None:
        """Read how much of their memory is their own, those first that have waited longest for it."""
        until = time.monotonic() + _SPELL
        for one in sorted(large, key=lambda one: one.kept.pss_at):
            self.at = one.subject.key
            one.kept.pss = _pss(one.pids)
            one.kept.pss_at = time.monotonic()
            if one.kept.pss_at > until:
                break
        self.at = None

    def _is_in_doubt(self, one: _Found) -> bool:
        """Whether it seems to be above its limit, and its turn to be looked at more closely is still to come."""
        return _is_large(one) and not one.kept.pss_at and one.subject.key not in self._shunned


def _is_large(one: _Found) -> bool:
    return one.subject.memory is not None and one.rss >= one.subject.memory


def _sample(one: _Found) -> Sample:
    pss = one.kept.pss if _is_large(one) else None
    return Sample(
        rss=one.rss,
        cpu=one.cpu,
        descendants=len(one.pids) - 1,
        threads=one.threads,
        open_files=_open_files(one.subject.pid) if one.subject.wants_files else None,
        pss=None if pss is None else min(pss, one.rss),
    )


def _walk(todo: list[int], seen: set[int]) -> Iterator[tuple[int, Stat]]:
    """All of *todo* and below, each once. Who is gone meanwhile is left out."""
    while todo and len(seen) < _MOST:
        pid = todo.pop()
        if pid in seen:
            continue
        seen.add(pid)
        with suppress(OSError, ValueError):
            stat = parse(_read(f"/proc/{pid}/stat"))
            if stat.state != b"Z":
                yield pid, stat
                todo += _children_of(pid) if stat.threads > 1 else _list(f"/proc/{pid}/task/{pid}/children")


def _children_of(pid: int) -> list[int]:
    """Those of all of its threads."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError):
                found += _list(f"/proc/{pid}/task/{thread}/children")
    return found


def _members(leaf: str | None) -> list[int]:
    """All that are in its control group, wherever in the tree they are by now."""
    if leaf is not None:
        with suppress(OSError):
            return _list(f"{leaf}/cgroup.procs")
    return []


def _counted(leaf: str | None) -> float | None:
    """CPU seconds of all that have ever been in its control group."""
    if leaf is not None:
        with suppress(OSError, ValueError, IndexError):
            return int(_read(f"{leaf}/cpu.stat").split(None, 2)[1]) / 1e6  # usage_usec comes first
    return None


def _pss(pids: list[int]) -> int | None:
    """The memory of these, what is shared divided among those who share it; `None`: that is not to be had."""
    total = 0
    for pid in pids:
        try:
            words = _read(f"/proc/{pid}/smaps_rollup").split()
        except FileNotFoundError:
            if not os.path.exists("/proc/self/smaps_rollup"):
                return None
        except ProcessLookupError:
            pass  # gone meanwhile
        except OSError:
            return None  # it is another user's
        else:
            total += int(words[words.index(b"Pss:") + 1]) * 1024 if b"Pss:" in words else 0
    return total


def _open_files(pid: int) -> int | None:
    with suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/fd"))
    return None


def _list(path: str) -> list[int]:
    """A file of numbers; the kernel tells no more than a page of them at a time."""
    fd = os.open(path, _FLAGS)
    try:
        return _numbers(b"".join(iter(lambda: os.read(fd, _PAGE), b"")))
    finally:
        os.close(fd)


def _numbers(words: bytes) -> list[int]:
    return [int(word) for word in words.split()]


def _read(path: str) -> bytes:
    fd = os.open(path, _FLAGS)
    try:
        return os.read(fd, _PAGE)
    finally:
        os.close(fd)
