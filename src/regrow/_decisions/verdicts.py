"""What a ledger tells its supervisor to do: orders, to be carried out in the order that they are given."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from regrow._specs.exit import Exit, Reason


@attrs.frozen
class Start:
    """Launch a new incarnation of this child; tell the ledger when it is ready, or gone."""

    name: str


@attrs.frozen
class Stop:
    """Stop the incarnation of this child, ready or not; tell the ledger when it is gone, or stuck."""

    name: str


@attrs.frozen
class Schedule:
    """A restart is due, and counted: announce it."""

    name: str
    delay: float
    attempt: int
    restarts_left: int


@attrs.frozen
class Wait:
    """Tell the ledger after *delay* seconds that the retry of this child is due, with this *token*."""

    name: str
    delay: float
    token: int


@attrs.frozen
class CancelWait:
    """Nobody waits for that retry any more."""

    name: str


@attrs.frozen
class Cancel:
    """A restart that was due is not going to happen: announce it."""

    name: str


@attrs.frozen
class Add:
    """There is a new entry: announce it."""

    name: str


@attrs.frozen
class Forget:
    """An entry is gone: announce it. *asked*: it was deleted by a call."""

    name: str
    asked: bool = False


@attrs.frozen
class Reply:
    """The answer to a management call."""

    call: object
    error: Exception | None = None


@attrs.frozen
class Booted:
    """All children are ready that start with the supervisor."""


@attrs.frozen
class Ending:
    """The supervisor is going down: stop everything. More orders follow, `End` is the last one."""

    end: End


@attrs.frozen(kw_only=True)
class End:
    """All children are gone (or stuck): the supervisor ends, like this."""

    reason: Reason
    """`STOPPED` (asked for), `NORMAL` (auto-shutdown), `GAVE_UP` or `FAILED_TO_START`."""

    culprits: tuple[tuple[str, Exit], ...] = ()
    """Whose exits were the cause. More than one only where children start together."""

    limit: str = ""
    """Which limit was passed, if it gave up."""

    restarts: tuple[float, ...] = ()
    """The restarts that were used, in seconds before it gave up."""


News: TypeAlias = Schedule | Cancel | Add | Forget | Booted | Ending
"""What is only to be told."""

Verdict: TypeAlias = Start | Stop | Wait | CancelWait | Reply | End | News
