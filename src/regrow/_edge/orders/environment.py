"""The environment of a child: ours, as it is at that moment, and what is its own.

Ours is the same for all children, mostly, and seldom changes. So it is put into words once for all of them, and again
when it has changed.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
from collections.abc import Mapping
from contextlib import suppress

import attrs


@attrs.define(eq=False)
class Inherited:
    """Our environment at one moment."""

    variables: Mapping[bytes, bytes]
    _words: dict[tuple[bytes, ...], tuple[bytes, int]] = attrs.field(factory=dict, init=False)

    def words(self, but: Mapping[bytes, bytes]) -> tuple[bytes, int]:
        """`NAME=value` of all but some variables, joined by NUL, and how many they are."""
        left_out = tuple(name for name in but if name in self.variables)
        found = self._words.get(left_out)
        if found is None:
            left = {name: value for name, value in self.variables.items() if name not in left_out}
            found = self._words[left_out] = b"\0".join(map(b"=".join, left.items())), len(left)
        return found


_NOTHING = Inherited({})

_OURS = {b"NOTIFY_SOCKET", b"WATCHDOG_USEC", b"WATCHDOG_PID", b"REGROW_HEARTBEAT_FD"}
"""What was meant for us: a child that found it would speak in our name to whoever supervises us."""


@attrs.frozen
class Environment:
    """What a child finds."""

    inherited: Inherited
    own: Mapping[bytes, bytes]

    def get(self, name: bytes, default: bytes) -> bytes:
        """The value of a variable."""
        if name in self.own:
            return self.own[name]
        return self.inherited.variables.get(name, default)

    def to_dict(self) -> dict[bytes, bytes]:
        """All of it."""
        return {**self.inherited.variables, **self.own}

    def words(self) -> tuple[list[bytes], int]:
        """`NAME=value` of all variables, some of them joined by NUL, and how many they are."""
        ours, count = self.inherited.words(self.own)
        own = list(map(b"=".join, self.own.items()))
        return [ours, *own] if count else own, count + len(own)


class Environments:
    """Knows our environment, and notices when it has changed. Any thread may ask."""

    def __init__(self, ours: Mapping[str, str]) -> None:
        """Every child finds *ours*, too, whatever it inherits."""
        self._marks = {os.fsencode(name): os.fsencode(value) for name, value in ours.items()}
        self._newest: tuple[Mapping[bytes, bytes], Inherited] = ({}, _NOTHING)  # what we have, what is passed on

    def make(self, own: Mapping[bytes, bytes], *, inherit: bool) -> Environment:
        """One for a child, with these variables of its *own*."""
        return Environment(self._ours() if inherit else _NOTHING, {**own, **self._marks})

    def _ours(self) -> Inherited:
        now = _look()
        seen, inherited = self._newest
        if now != seen:
            seen = dict(now)
            inherited = Inherited({name: value for name, value in seen.items() if name not in _OURS})
            self._newest = seen, inherited
        return inherited


def _look() -> Mapping[bytes, bytes]:
    # CPython keeps them in a dict of bytes, which is compared in a microsecond; in the public way, each name and value
    # is checked and looked up, which takes fifty.
    data = getattr(os.environb, "_data", None)
    if isinstance(data, dict):
        return data
    while True:
        with suppress(KeyError):  # another thread has just removed a variable
            return dict(os.environb)
