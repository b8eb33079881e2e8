"""Which incarnations may still start: each at most once, and none that was revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regrow._specs.protocol import Key

REMEMBERED = 16_384
"""How many paths are remembered. A dynamic supervisor makes new ones for ever; memory must not grow with them."""


class Keys:
    """Remembers the highest number of each path that was used or revoked.

    Numbers of a path never go back, so whatever is not above the highest one has been used, or comes too late.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._highest: dict[tuple[str, str], int] = {}  # the path that was touched last comes last

    def claim(self, key: Key) -> bool:
        """Use *key* up; false if it was used or revoked before."""
        if key.incarnation <= self._highest.get((key.tree, key.path), 0):
            return False
        self._raise_to(key)
        return True

    def revoke(self, key: Key) -> None:
        """Refuse *key* from now on."""
        if key.incarnation > self._highest.get((key.tree, key.path), 0):
            self._raise_to(key)

    def _raise_to(self, key: Key) -> None:
        place = (key.tree, key.path)
        self._highest.pop(place, None)
        self._highest[place] = key.incarnation
        if len(self._highest) > self._remembered:
            del self._highest[next(iter(self._highest))]
