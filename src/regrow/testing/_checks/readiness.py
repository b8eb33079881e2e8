"""Who becomes ready, who does not, and that nobody waits for it."""

from __future__ import annotations

import trio

from regrow._specs.protocol import Awaiting, Launched, Ready, ReadyFailed
from regrow._specs.readiness import Completes, TcpPort
from regrow._specs.stop import Stop
from regrow.exceptions import PlatformNotSupportedError
from regrow.testing import children
from regrow.testing._checks.trial import Check, Trial, free_port


async def a_start_does_not_wait_for_readiness(trial: Trial) -> None:
    """`launch` returns when the program runs."""
    record = await trial.launch(children.sleeps(), ready=TcpPort(free_port()))
    record.require(record.has(Launched), "it is launched")
    record.require(not record.has(Ready), "it is not ready")


async def a_probe_sees_that_it_is_ready(trial: Trial) -> None:
    """Once, and not before it is."""
    port = free_port()
    record = await trial.launch(children.listens(port, trial.grace), ready=TcpPort(port))
    await record.wait_for(Ready)
    record.require(record.lasted >= trial.least, "it was not ready before it listened")


async def what_is_ready_stays_so(trial: Trial) -> None:
    """Its time for getting ready is of no account any more."""
    port = free_port()
    limit = 5 * trial.grace
    record = await trial.launch(children.listens(port, trial.grace), ready=TcpPort(port), start_timeout=limit)
    await record.wait_for(Ready)
    await trio.sleep(limit)  # for what should not come any more
    record.require(not record.has(ReadyFailed) and not record.is_over, "it stays ready, and runs")


async def what_is_not_ready_in_time_runs_on(trial: Trial) -> None:
    """`ReadyFailed` after `start_timeout`; nobody stops it."""
    port = TcpPort(free_port())
    record = await trial.launch(children.sleeps(), ready=port, start_timeout=trial.grace)
    launched = await record.wait_for(Launched)
    failed = await record.wait_for(ReadyFailed)
    record.require(bool(failed.why), "it says why")
    record.require(record.lasted >= trial.least, "it has its time")
    record.require(trial.is_alive(launched.pid), "it runs on")
    await record.controls.stop(Stop(grace=trial.long))
    record.exited(signal="SIGTERM", asked=True, killed=False)


async def what_is_paused_keeps_its_time_to_get_ready(trial: Trial) -> None:
    """It has as much left when it is resumed as when it was paused."""
    limit = 4 * trial.grace
    record = await trial.launch(children.sleeps(), ready=TcpPort(free_port()), start_timeout=limit)
    try:
        record.controls.pause()
    except PlatformNotSupportedError:
        return
    await trio.sleep(limit + trial.grace)  # for what should not come
    record.require(not record.has(ReadyFailed), "its time stands still")
    record.controls.resume()
    await record.wait_for(ReadyFailed)


async def what_is_awaited_is_told_before_it_is_ready(trial: Trial) -> None:
    """If it is told at all: after the launch, and no more when it is settled."""
    port = free_port()
    record = await trial.launch(children.listens(port, trial.grace), ready=TcpPort(port))
    await record.wait_for(Ready)
    kinds = [type(fact) for fact in record.facts]
    awaited = [index for index, kind in enumerate(kinds) if kind is Awaiting]
    record.require(all(kinds.index(Launched) < index < kinds.index(Ready) for index in awaited), "it is told in time")


async def what_dies_before_it_is_ready_only_exits(trial: Trial) -> None:
    """Neither `Ready` nor `ReadyFailed`, although it has a probe."""
    record = await trial.launch(children.exits(3), ready=TcpPort(free_port()))
    await record.wait_exited(code=3, asked=False)
    record.require(not record.has(Ready, ReadyFailed), "its exit says all")


async def what_is_to_complete_only_exits(trial: Trial) -> None:
    """Whether its end is a good one is for others to say: no `Ready`, no `ReadyFailed`."""
    for code in (0, 3):
        record = await trial.launch(children.exits(code), ready=Completes())
        await record.wait_exited(code=code, asked=False)
        record.require(not record.has(Ready, ReadyFailed), "its exit says all")


async def what_does_not_complete_in_time_runs_on(trial: Trial) -> None:
    """`ReadyFailed` after `start_timeout`; nobody stops it."""
    record = await trial.launch(children.sleeps(), ready=Completes(), start_timeout=trial.grace)
    await record.wait_for(ReadyFailed)
    record.require(record.lasted >= trial.least, "it has its time")
    record.require(not record.is_over, "it runs on")


async def what_is_not_ready_yet_can_be_stopped(trial: Trial) -> None:
    """As anything else."""
    record = await trial.launch(children.sleeps(), ready=TcpPort(free_port()))
    await record.controls.stop(Stop(grace=trial.long))
    record.exited(signal="SIGTERM", asked=True, killed=False)
    record.require(not record.has(Ready), "it was never ready")


CHECKS: tuple[Check, ...] = (
    a_start_does_not_wait_for_readiness,
    a_probe_sees_that_it_is_ready,
    what_is_ready_stays_so,
    what_is_not_ready_in_time_runs_on,
    what_is_paused_keeps_its_time_to_get_ready,
    what_is_awaited_is_told_before_it_is_ready,
    what_dies_before_it_is_ready_only_exits,
    what_is_to_complete_only_exits,
    what_does_not_complete_in_time_runs_on,
    what_is_not_ready_yet_can_be_stopped,
)
