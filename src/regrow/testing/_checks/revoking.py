"""What was revoked does not run: whatever it was doing, and whatever comes later."""

from __future__ import annotations

from functools import partial

import trio

from regrow._specs.protocol import NotLaunched, Refusal
from regrow._specs.stop import Stop
from regrow.testing import children
from regrow.testing._checks.record import Record
from regrow.testing._checks.trial import Check, Trial

DELAYS = (0.0, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016)
"""Seconds after which a start is interrupted: somewhere among them it is half done."""


async def a_key_that_was_revoked_is_refused(trial: Trial) -> None:
    """If its start arrives later."""
    record = trial.record()
    await trial.opened.revoke(record.key)
    await trial.start(record, children.sleeps())
    record.require(record.refusal.refusal is Refusal.REVOKED, "it says that it was revoked")


async def a_start_can_be_revoked(trial: Trial) -> None:
    """At any moment: it is refused, or what it started is gone when `revoke` returns."""
    for delay in DELAYS:
        record = trial.record()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(trial.start, record, children.ignores_sigterm()))
            await trio.sleep(delay)
            await trial.opened.revoke(record.key)
            _is_gone_or_never_was(record)
        record.require(record.answer is not None, "the start is answered")
        _is_gone_or_never_was(record)


async def what_runs_is_killed_when_it_is_revoked(trial: Trial) -> None:
    """The terminal fact comes before `revoke` returns."""
    record = await trial.launch(children.ignores_sigterm())
    await record.wait_printed(b"armed")
    await trial.opened.revoke(record.key)
    record.exited(signal="SIGKILL", asked=True, killed=True)


async def what_is_being_stopped_is_killed_when_it_is_revoked(trial: Trial) -> None:
    """Whatever time it was given."""
    record = await trial.launch(children.ignores_sigterm())
    await record.wait_printed(b"armed")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(record.controls.stop, Stop(grace=trial.long))
        await trio.lowlevel.checkpoint()
        await trial.opened.revoke(record.key)
        record.exited(signal="SIGKILL", asked=True, killed=True)


async def what_is_gone_can_be_revoked(trial: Trial) -> None:
    """Again and again; nothing happens."""
    record = await trial.launch(children.exits(3))
    await record.wait_exited(code=3)
    for _ in range(2):
        await trial.opened.revoke(record.key)


async def a_start_that_is_cancelled_and_revoked_leaves_nothing(trial: Trial) -> None:
    """At whatever moment it is cancelled."""
    for delay in DELAYS:
        record = trial.record()
        with trio.move_on_after(delay) as scope:
            if delay == 0:
                scope.cancel()
            await trial.start(record, children.sleeps())
        await trial.opened.revoke(record.key)
        _is_gone_or_never_was(record)
    await trio.sleep(trial.grace)  # for what should not come any more
    for record in trial.records:
        _is_gone_or_never_was(record)


async def revoking_works_in_a_shielded_scope(trial: Trial) -> None:
    """As cleanup: while everything around it is cancelled already."""
    record = trial.record()
    with trio.CancelScope() as scope:
        try:
            await trial.start(record, children.sleeps())
            scope.cancel()
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trial.opened.revoke(record.key)
    record.exited(signal="SIGKILL", asked=True, killed=True)


def _is_gone_or_never_was(record: Record) -> None:
    record.require(record.is_over or not record.facts, "what was revoked is gone, or never was")
    if isinstance(record.answer, NotLaunched):
        record.require(record.answer.refusal is Refusal.REVOKED, "it says that it was revoked")


CHECKS: tuple[Check, ...] = (
    a_key_that_was_revoked_is_refused,
    a_start_can_be_revoked,
    what_runs_is_killed_when_it_is_revoked,
    what_is_being_stopped_is_killed_when_it_is_revoked,
    what_is_gone_can_be_revoked,
    a_start_that_is_cancelled_and_revoked_leaves_nothing,
    revoking_works_in_a_shielded_scope,
)
