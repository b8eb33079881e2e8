"""When the end of significant children ends their supervisor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from regrow._decisions.entries import Entry
from regrow._specs.supervisor import AutoShutdown


def is_due(policy: AutoShutdown, entries: Iterable[Entry]) -> bool:
    """Whether a supervisor with these *entries* stops, now that a significant child has ended for good.

    Under `all_significant` a restarting child is still active, and one that was stopped by hand is gone. OTP: the same.
    """
    match policy:
        case AutoShutdown.NEVER:
            return False
        case AutoShutdown.ANY_SIGNIFICANT:
            return True
        case AutoShutdown.ALL_SIGNIFICANT:
            return not any(entry.spec.significant and entry.is_active for entry in entries)
        case _:
            assert_never(policy)
