"""That nothing outlives the block in which a launcher is open."""

from __future__ import annotations

from functools import partial

import trio

from regrow._specs.protocol import Launched
from regrow._specs.readiness import TcpPort
from regrow._specs.stop import Stop
from regrow.testing import children
from regrow.testing._checks.record import Record
from regrow.testing._checks.revoking import DELAYS
from regrow.testing._checks.trial import Check, Trial, free_port


class _OnPurposeError(Exception):
    pass


async def leaving_ends_everything(trial: Trial) -> None:
    """What obeys, what does not, what is not ready yet; each has its terminal fact."""
    async with trial.another() as inner:
        records = await _several(inner)
    await _are_gone(trial, records)


async def leaving_ends_everything_also_when_cancelled(trial: Trial) -> None:
    """In no less."""
    records: list[Record] = []
    with trio.CancelScope() as scope:
        async with trial.another() as inner:
            records += await _several(inner)
            scope.cancel()
            await trio.sleep_forever()
    await _are_gone(trial, records)


async def leaving_ends_everything_also_after_an_error(trial: Trial) -> None:
    """Which goes on afterwards."""
    records: list[Record] = []
    goes_on = False
    try:
        async with trial.another() as inner:
            records += await _several(inner)
            raise _OnPurposeError
    except* _OnPurposeError:
        goes_on = True
    records[0].require(goes_on, "the error goes on")
    await _are_gone(trial, records)


async def leaving_ends_what_is_being_stopped(trial: Trial) -> None:
    """Whatever time it was given; those who wait for the stop are let go."""
    async with trio.open_nursery() as nursery:
        async with trial.another() as inner:
            record = await inner.launch(children.ignores_sigterm())
            await record.wait_printed(b"armed")
            nursery.start_soon(record.controls.stop, Stop(grace=trial.long))  # meant to outlive the launcher
            await trio.lowlevel.checkpoint()
        record.exited(signal="SIGKILL", asked=True, killed=True)


async def leaving_ends_what_is_being_started(trial: Trial) -> None:
    """At whatever moment: the start is answered, and nothing runs."""
    for delay in DELAYS:
        async with trio.open_nursery() as nursery:
            async with trial.another() as inner:
                record = inner.record()
                start = partial(inner.start, record, children.sleeps())
                nursery.start_soon(start)  # it is meant to outlive the launcher
                await trio.sleep(delay)
            record.require(record.is_over or not record.facts, "it is gone, or never was")
        record.verify()


async def _several(trial: Trial) -> list[Record]:
    obeys = await trial.launch(children.sleeps())
    ignores = await trial.launch(children.ignores_sigterm())
    never_ready = await trial.launch(children.sleeps(), ready=TcpPort(free_port()))
    await ignores.wait_printed(b"armed")
    return [obeys, ignores, never_ready]


async def _are_gone(trial: Trial, records: list[Record]) -> None:
    for record in records:
        record.exited(asked=True)
        record.verify()
        pid = (await record.wait_for(Launched)).pid
        record.require(not trial.is_alive(pid), "it is gone")


CHECKS: tuple[Check, ...] = (
    leaving_ends_everything,
    leaving_ends_everything_also_when_cancelled,
    leaving_ends_everything_also_after_an_error,
    leaving_ends_what_is_being_stopped,
    leaving_ends_what_is_being_started,
)
