"""Readings where the kernel does not list children: one look at all processes of the machine, for all of ours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress

import psutil

from regrow._edge.sample import Sum, open_files
from regrow._edge.sampling.subject import Subject
from regrow._edge.sampling.taking import TakingReader
from regrow._specs.protocol import Key, Sample


class ScanningReader(TakingReader):
    """Reads through psutil. See `subject.Reader`."""

    def read(self, subjects: Sequence[Subject]) -> dict[Key, Sample]:
        """One reading of each."""
        children = _children()
        found = ((subject.key, _read(subject, children)) for subject in subjects)
        return {key: sample for key, sample in found if sample is not None}


def _children() -> dict[int, list[int]]:
    """All processes by their parents."""
    found = defaultdict[int, list[int]](list)
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            found[process.ppid()].append(process.pid)
    return found


def _read(subject: Subject, children: dict[int, list[int]]) -> Sample | None:
    found = Sum()
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(subject.pid)
        found.add(process)
        files = open_files(process) if subject.wants_files else None
        for pid in _below(subject.pid, children):
            with suppress(psutil.Error):  # gone meanwhile, or somebody else's
                found.add(psutil.Process(pid))
        return found.sample(files)
    return None


def _below(pid: int, children: dict[int, list[int]]) -> Iterator[int]:
    todo, seen = [pid], {pid}
    while todo:
        fresh = [child for child in children.get(todo.pop(), ()) if child not in seen]
        seen.update(fresh)  # numbers are given away again: a list made in passing may have circles
        todo += fresh
        yield from fresh
