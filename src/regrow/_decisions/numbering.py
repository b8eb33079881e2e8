"""Numbers that never go back: incarnations, and the names of children that were given none."""

from __future__ import annotations

from collections import OrderedDict

import attrs

_KEPT = 10_000


@attrs.define
class Numbering:
    """The highest number that each path has had, in one tree.

    A path keeps its number when its entry is deleted. Trees that make up ever new names must not grow for ever, so the
    paths that were used longest ago are forgotten, and from then on no unknown path begins below their numbers.
    """

    kept: int = _KEPT
    """How many paths are remembered."""

    _highest: OrderedDict[str, int] = attrs.field(factory=OrderedDict, init=False)
    _floor: int = attrs.field(default=0, init=False)

    def next(self, path: str) -> int:
        """A number that is higher than every one before of *path*; 1 for a path that is new."""
        number = self._highest.pop(path, self._floor) + 1
        self._highest[path] = number  # the newest is at the end
        if len(self._highest) > self.kept:
            _, forgotten = self._highest.popitem(last=False)
            self._floor = max(self._floor, forgotten)
        return number
