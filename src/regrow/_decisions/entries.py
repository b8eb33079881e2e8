"""A supervisor's entries: what it knows of each child, running or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from regrow._specs.child import Restart
from regrow._specs.exit import Exit
from regrow._specs.status import State
from regrow._specs.supervisor import AnySpec

if TYPE_CHECKING:
    from regrow._decisions.operation import Operation


@attrs.frozen
class Remains:
    """What is still there after the kill."""

    pid: int | None
    waited: float
    why: str = ""


@attrs.define(eq=False)
class Entry:
    """One child's place in its supervisor. Only the ledger changes it."""

    spec: AnySpec

    is_dynamic: bool = False
    """Whether it is forgotten as soon as it is down."""

    state: State = State.DOWN

    operation: Operation | None = None
    """What it is a member of: until that ends, the entry is nobody else's business."""

    exited: Exit | None = None
    """It is dead, and that has not been dealt with yet. Its `state` is still the one before."""

    is_dormant: bool = False
    """It does not start with its supervisor, and nobody has started it yet: group restarts leave it alone too."""

    is_retired: bool = False
    """It is about to be stopped for good, or to be given a new spec: group restarts leave it down meanwhile."""

    row: int = 0
    """How many attempts to restart it there were in a row."""

    restarts: int = 0
    """How many there were in all."""

    token: int = 0
    """Of its newest wait; an older one is void."""

    retry_at: float | None = None
    """When that wait is over."""

    refused_since: float | None = None
    """Since when its starts have been refused for want of capacity."""

    stuck: Remains | None = None
    """What is still there, if it is stuck."""

    has_died: bool = False
    """It is stuck because of what it left, and what comes of its own end is to be decided when all of it is gone."""

    returns: bool = False
    """It is stuck, and is started when it is gone at last."""

    last_exit: Exit | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def is_live(self) -> bool:
        """Whether it has an incarnation that has not ended."""
        return self.exited is None and self.state in _LIVE

    @property
    def is_up(self) -> bool:
        """Whether calls find it running: also if it is dead and nobody has dealt with that. OTP: it has a pid."""
        return self.state in _LIVE

    @property
    def is_active(self) -> bool:
        """Whether it counts for `all_significant`: a restarting child does, one that is down, or will be, does not."""
        if self.state is State.STOPPING:
            return self.operation is not None and self.name in self.operation.to_start
        return self.state is not State.DOWN

    @property
    def is_forgotten_when_stopped(self) -> bool:
        """Whether nothing remains of it when it is stopped."""
        return self.is_dynamic or self.spec.restart is Restart.TEMPORARY


_LIVE = frozenset({State.STARTING, State.READY, State.STOPPING, State.STUCK})
