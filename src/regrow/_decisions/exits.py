"""What an exit means: classified once, then asked whether the child comes back."""

from __future__ import annotations

import enum
from typing import assert_never

from regrow._specs.child import ChildSpec, Restart
from regrow._specs.exit import Reason
from regrow._specs.protocol import Exited


class Fate(enum.Enum):
    """What becomes of a child that ended by itself."""

    RESTART = enum.auto()
    DOWN = enum.auto()
    """It stays down and keeps its entry."""
    FORGOTTEN = enum.auto()
    """Its entry is deleted, its name is free again."""


def classify(exited: Exited, spec: ChildSpec) -> Reason:
    """The reason of an exit that nobody asked for. SEMANTICS section 3.

    An exit without code and signal (somebody else took the status) is never a good end: nobody knows that it was.
    """
    if exited.signal is not None:
        return Reason.NORMAL if exited.signal in spec.success_signals else Reason.CRASHED
    return Reason.NORMAL if exited.code in spec.success_codes else Reason.CRASHED


def fate(restart: Restart, reason: Reason) -> Fate:
    """Whether a child with this *restart* comes back after it ended by itself for *reason*. OTP: `do_restart`."""
    match restart:
        case Restart.PERMANENT:
            return Fate.RESTART
        case Restart.TRANSIENT:
            return Fate.RESTART if reason.is_abnormal else Fate.DOWN
        case Restart.TEMPORARY:
            return Fate.FORGOTTEN
        case _:
            assert_never(restart)
