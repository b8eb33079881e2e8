"""Which supervisors of a tree are paused, and waits that take no time meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import trio


class Pauses:
    """Which supervisors of a tree are paused, and since when."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._changed = trio.lowlevel.ParkingLot()

    def begin(self, path: str) -> None:
        """The supervisor at *path* is paused from now on."""
        self._since[path] = trio.current_time()
        self._changed.unpark_all()

    def end(self, path: str) -> float:
        """It is not any more; for how many seconds it was."""
        since = self._since.pop(path, None)
        self._changed.unpark_all()
        return 0.0 if since is None else trio.current_time() - since

    def has(self, path: str) -> bool:
        """Whether the supervisor at *path* is paused by itself."""
        return path in self._since

    def holder(self, path: str) -> str | None:
        """The nearest supervisor that is paused: at *path*, or above it."""
        if not self._since:
            return None
        return next((above for above in _upwards(path) if above in self._since), None)

    def lasts(self, path: str) -> float | None:
        """For how many seconds *path*, or anything above it, has been paused; `None`: it is not."""
        found = [self._since[above] for above in _upwards(path) if above in self._since]
        return trio.current_time() - min(found) if found else None

    async def wait(self, path: str, *, until: bool = False) -> None:
        """Return when nothing at *path* or above is paused; or, with *until*, when something is."""
        while (self.holder(path) is not None) is not until:
            await self._changed.park()


def _upwards(path: str) -> Iterator[str]:
    while path != ".":
        yield path
        path = path.rpartition("/")[0] or "."
    yield path


class Wait:
    """A wait at one place of the tree, in which pauses do not count."""

    def __init__(self, pauses: Pauses, path: str, seconds: float) -> None:
        self._pauses = pauses
        self._path = path
        self._scope = trio.CancelScope()
        self._left = seconds
        self._since: float | None = None  # when the stretch began that is not counted in `_left` yet

    @property
    def left(self) -> float:
        """Seconds that are left of it."""
        passed = 0.0 if self._since is None else trio.current_time() - self._since
        return max(0.0, self._left - passed)

    def cancel(self) -> None:
        """It is not waited for any more."""
        self._scope.cancel()

    async def run(self) -> bool:
        """Wait; false if it was cancelled."""
        with self._scope:
            while self._left:
                if self._pauses.holder(self._path) is not None:
                    await self._pauses.wait(self._path)
                await self._stretch()
            return True
        return False

    async def _stretch(self) -> None:
        self._since = trio.current_time()
        with trio.move_on_after(self._left) as time:
            await self._pauses.wait(self._path, until=True)
        self._left = 0.0 if time.cancelled_caught else self.left
        self._since = None
