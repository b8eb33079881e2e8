"""How long to wait before a restart, and when a row of restarts has become too long."""

from __future__ import annotations

from random import Random

from regrow._specs.backoff import Backoff


def delay(backoff: Backoff | None, attempt: int, random: Random) -> float:
    """Seconds to wait before restart number *attempt* (from 1) in a row."""
    if backoff is None or attempt <= backoff.immediate:
        return 0.0
    wait = _grown(backoff, attempt - backoff.immediate - 1)
    spread = 1.0 + backoff.jitter * (2.0 * random.random() - 1.0)
    return min(wait * spread, backoff.maximum)


def begins_new_row(backoff: Backoff | None, healthy_for: float) -> bool:
    """Whether a child that was ready for *healthy_for* seconds is at the beginning of a row again."""
    return backoff is not None and healthy_for >= backoff.reset_after


def is_row_too_long(backoff: Backoff | None, attempts: int) -> bool:
    """Whether *attempts* in a row are as many as its backoff allows, so that another would be too many."""
    return backoff is not None and backoff.give_up_after is not None and attempts >= backoff.give_up_after


def _grown(backoff: Backoff, doublings: int) -> float:
    try:
        return min(backoff.initial * backoff.factor**doublings, backoff.maximum)
    except OverflowError:  # a row of a thousand restarts: far beyond any maximum
        return backoff.maximum
