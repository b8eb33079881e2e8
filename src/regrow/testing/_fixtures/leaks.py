"""What a test leaves behind: processes, threads, file descriptors, trio tasks; by name, and where it comes from.

A test is judged by what is there after it, its fixtures torn down, and was not there before. What a fixture of a wider
scope opens when it is made stays out of that.

On Linux the process of pytest is a *subreaper* while a test runs that is checked: whoever loses its parent, however
often it forks and whatever it does to its environment and session, becomes our child, and is seen. Not seen is what was
started by somebody who is not below us on request of the test (a container by its daemon, a unit by systemd), and what
another subreaper between it and us has taken. Elsewhere only those are seen whose parents live.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator

import attrs

from regrow.testing._fixtures import leaking_files, leaking_processes, leaking_threads
from regrow.testing._fixtures.leaking_processes import Root

PATIENCE = 2.0
"""Seconds that something may take to vanish after the test."""


@attrs.frozen
class Look:
    """What there is, by identity."""

    processes: frozenset[Root]
    threads: frozenset[int]
    files: frozenset[tuple[int, str]]

    def __or__(self, other: Look) -> Look:
        return Look(self.processes | other.processes, self.threads | other.threads, self.files | other.files)

    def __sub__(self, other: Look) -> Look:
        return Look(self.processes - other.processes, self.threads - other.threads, self.files - other.files)

    def __bool__(self) -> bool:
        return bool(self.processes or self.threads or self.files)


NOTHING = Look(frozenset(), frozenset(), frozenset())


def look() -> Look:
    """What there is now."""
    return Look(leaking_processes.look(), leaking_threads.look(), leaking_files.look())


class Check:
    """The check of one test, from before its setup until after its teardown."""

    def __init__(self, servers: Callable[[], Iterable[int]]) -> None:
        self._servers = servers  # how many events each server of a wider scope has had
        self._activity = list(servers())
        self._began = leaking_processes.now()
        self._was_subreaper = leaking_processes.become_subreaper(True)
        self._known = look()
        self.tasks: list[str] = []
        """Trio tasks that were left, each in a line."""

    def allow(self, before: Look) -> None:
        """What has come since *before* belongs to a wider scope."""
        new = look() - before
        self._known |= attrs.evolve(new, processes=leaking_processes.with_descendants(new.processes))

    def finish(self) -> list[str]:
        """What was left behind, a line for each. Processes of it are gone then."""
        try:
            left = self._left()
            deadline = time.monotonic() + PATIENCE
            while left and time.monotonic() < deadline:
                gc.collect()  # what only a cycle holds open is nobody's leak
                time.sleep(0.01)
                left = self._left()
            return [*self._tell(left), *(f"trio task {task}" for task in self.tasks)]
        finally:
            leaking_processes.become_subreaper(self._was_subreaper)

    def _left(self) -> Look:
        left = look() - self._known
        left = attrs.evolve(left, processes=leaking_processes.since(left.processes, self._began))
        if not self._activity and not list(self._servers()):
            return attrs.evolve(left, processes=leaking_processes.without_dead(left.processes))
        return self._besides_servers(left)

    def _besides_servers(self, left: Look) -> Look:
        """Servers of a wider scope live in this process, and may open and start what they want."""
        files = left.files if list(self._servers()) == self._activity else frozenset[tuple[int, str]]()
        return Look(leaking_processes.besides_trees(left.processes), leaking_threads.besides_trees(left.threads), files)

    def _tell(self, left: Look) -> Iterator[str]:
        yield from leaking_processes.end(left.processes, self._began)
        yield from leaking_threads.tell(left.threads)
        yield from leaking_files.tell(left.files)
