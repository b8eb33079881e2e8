"""Whom the sampler looks at, and what it has to find out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs

from regrow._edge.holding import Spawned
from regrow._edge.request import Request
from regrow._specs.limit import Measure
from regrow._specs.protocol import Key, Sample

_NEAR = 0.9
"""The share of a limit from which on a closer look is taken: what is called near is to be near, and the number that the
kernel has at hand is a little off, by some pages for each CPU."""


@attrs.frozen(kw_only=True)
class Subject:
    """One child that runs."""

    key: Key
    pid: int
    """Of its main process."""

    leaf: str | None = None
    """The directory of its control group."""

    memory: float | None = None
    """From so much resident memory on, it matters what of it is shared; `None`: never."""

    wants_files: bool = False
    """Whether anybody wants to know how many files it has open."""

    take: Callable[[], Sample | None] = lambda: None
    """One reading of it alone, for systems where nothing is gained by reading many at once."""


def subject_of(request: Request, spawned: Spawned) -> Subject:
    """Whom to look at for a child that was spawned, and how closely its limits want that to be done."""
    limits = request.spec.limits
    return Subject(
        key=request.key,
        pid=spawned.hold.pid,
        leaf=spawned.leaf,
        memory=min((_NEAR * limit.most for limit in limits if limit.measure is Measure.MEMORY), default=None),
        wants_files=any(limit.measure is Measure.DESCRIPTORS for limit in limits),
        take=spawned.hold.take_sample,
    )


class Reader(Protocol):
    """Reads many at once. One call at a time, in any thread."""

    def read(self, subjects: Sequence[Subject]) -> dict[Key, Sample]:
        """One reading of each; who is gone, or cannot be read, is left out."""
        ...

    def drop(self, key: Key) -> None:
        """Give back what is kept of one. Not during `read`."""

    def close(self) -> None:
        """Give everything back. Not during `read`."""

    @property
    def at(self) -> Key | None:
        """Whose memory is being looked at right now: if the kernel does not answer, that is the one."""
        ...

    def shun(self, key: Key) -> None:
        """Do not look at its memory any more."""
