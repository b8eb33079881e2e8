"""How the ladder of a stop is carried out."""

from __future__ import annotations

import trio
import trio.testing

from regrow._specs.protocol import Launched
from regrow._specs.stop import KILL, CloseStdin, Run, Signal, Stop
from regrow.exceptions import PlatformNotSupportedError
from regrow.testing import children
from regrow.testing._checks.record import Record
from regrow.testing._checks.trial import Check, Trial


async def what_obeys_is_not_killed(trial: Trial) -> None:
    """The terminal fact comes before `stop` returns."""
    record = await trial.launch(children.sleeps())
    await record.controls.stop(Stop(grace=trial.long))
    record.exited(signal="SIGTERM", asked=True, killed=False)


async def a_stop_begins_without_waiting(trial: Trial) -> None:
    """`begin_stop` is a plain call; a second one whose kill comes sooner takes over."""
    record = await trial.launch(children.sleeps())
    record.controls.begin_stop(Stop(grace=trial.long))
    await record.wait_exited(signal="SIGTERM", asked=True, killed=False)
    record.controls.begin_stop(KILL)  # it is gone, and takes every call
    other = await _armed(trial, children.ignores_sigterm())
    other.controls.begin_stop(Stop(grace=float("inf")))
    other.controls.begin_stop(KILL)
    await other.wait_exited(signal="SIGKILL", asked=True, killed=True)


async def what_takes_its_time_within_the_grace_is_not_killed(trial: Trial) -> None:
    """It ends as it likes."""
    record = await _armed(trial, children.stops_slowly(trial.grace))
    await record.controls.stop(Stop(grace=trial.long))
    record.exited(code=0, signal=None, asked=True, killed=False)


async def what_ignores_it_is_killed_after_the_grace(trial: Trial) -> None:
    """Not before."""
    record = await _armed(trial, children.ignores_sigterm())
    asked_at = trio.current_time()
    await record.controls.stop(Stop(grace=trial.grace))
    record.exited(signal="SIGKILL", asked=True, killed=True)
    record.require(record.times[-1] - asked_at >= trial.least, "it has its grace")


async def without_grace_the_kill_follows_at_once(trial: Trial) -> None:
    """`grace=0`."""
    record = await _armed(trial, children.ignores_sigterm())
    await record.controls.stop(Stop(grace=0, kill_wait=trial.long))
    record.exited(signal="SIGKILL", asked=True, killed=True)


async def a_kill_does_not_ask(trial: Trial) -> None:
    """What would exit by itself when asked has no chance to."""
    record = await _armed(trial, children.stops_slowly(0.0))
    await record.controls.stop(KILL)
    record.exited(signal="SIGKILL", asked=True, killed=True)


async def an_infinite_grace_never_kills(trial: Trial) -> None:
    """Until a shorter ladder takes over."""
    record = await _armed(trial, children.ignores_sigterm())
    with trio.move_on_after(trial.grace):
        await record.controls.stop(Stop(grace=float("inf")))
    record.require(not record.is_over, "it is not killed")
    await record.controls.stop(KILL)
    record.exited(signal="SIGKILL", asked=True, killed=True)


async def a_shorter_ladder_takes_over(trial: Trial) -> None:
    """Both calls return when it is gone."""
    record = await _armed(trial, children.ignores_sigterm())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(record.controls.stop, Stop(grace=trial.long))
        await trio.lowlevel.checkpoint()
        await record.controls.stop(Stop(grace=trial.grace))
        record.exited(signal="SIGKILL", asked=True, killed=True)


async def a_longer_ladder_does_not_take_over(trial: Trial) -> None:
    """Both calls return when it is gone."""
    record = await _armed(trial, children.ignores_sigterm())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(record.controls.stop, Stop(grace=trial.grace))
        await trio.testing.wait_all_tasks_blocked()
        await record.controls.stop(Stop(grace=trial.long))
        record.exited(signal="SIGKILL", asked=True, killed=True)


async def a_stop_goes_on_when_its_caller_is_cancelled(trial: Trial) -> None:
    """While it waits, and also before it has begun to."""
    for delay in (0.0, trial.grace / 4):
        record = await _armed(trial, children.ignores_sigterm())
        with trio.move_on_after(delay) as scope:
            if delay == 0:
                scope.cancel()
            await record.controls.stop(Stop(grace=trial.grace))
        record.require(scope.cancelled_caught, "the call can be cancelled")
        await record.wait_exited(signal="SIGKILL", asked=True, killed=True)


async def a_stop_delays_no_other(trial: Trial) -> None:
    """One that takes long, and one that does not."""
    slow = await _armed(trial, children.ignores_sigterm())
    quick = await trial.launch(children.sleeps())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow.controls.stop, Stop(grace=trial.long))
        await trio.lowlevel.checkpoint()
        await quick.controls.stop(Stop(grace=trial.long))
        quick.exited(signal="SIGTERM", asked=True, killed=False)
        await slow.controls.stop(KILL)


async def steps_come_in_turn_each_with_its_wait(trial: Trial) -> None:
    """The next one only if the one before was not enough."""
    record = await _armed(trial, children.ignores_sigterm())
    steps = (Signal("SIGTERM", wait=trial.grace), Signal("SIGUSR1", wait=trial.long), Signal("SIGUSR2"))
    asked_at = trio.current_time()
    await record.controls.stop(Stop(steps=steps, grace=trial.long))
    record.exited(signal="SIGUSR1", asked=True, killed=False)
    record.require(record.times[-1] - asked_at >= trial.least, "the first step has its wait")


async def a_command_can_be_a_step(trial: Trial) -> None:
    """It knows the process by `REGROW_PID`."""
    record = await trial.launch(children.sleeps())
    await record.controls.stop(Stop(steps=(Run(children.sends("SIGUSR1")),), grace=trial.long))
    record.exited(signal="SIGUSR1", asked=True, killed=False)


async def a_command_that_does_not_help_does_not_hold_the_ladder(trial: Trial) -> None:
    """Neither one that cannot be run nor one that never ends."""
    record = await trial.launch(children.sleeps())
    steps = (Run(children.missing()), Run(children.sleeps()), Run(children.exits(3)))
    await record.controls.stop(Stop(steps=steps, grace=trial.grace))
    record.exited(signal="SIGKILL", asked=True, killed=True)


async def the_end_of_its_input_can_be_a_step(trial: Trial) -> None:
    """For what reads until then."""
    record = await trial.launch(children.reads_stdin(), stdin="pipe")
    await record.controls.stop(Stop(steps=(CloseStdin(),), grace=trial.long))
    record.exited(code=0, asked=True, killed=False)


async def a_stop_ends_the_whole_group(trial: Trial) -> None:
    """Also a member that ignores what the main process obeys."""
    record = await trial.launch(children.leaves_group_member(stays=True))
    await record.wait_printed(b"\n")
    member = int(record.output().removeprefix(b"member "))
    record.require(trial.is_alive(member), "the member of its group runs")
    await record.controls.stop(Stop(grace=trial.long))
    record.exited(signal="SIGTERM", asked=True)
    record.require(not trial.is_alive(member), "the member of its group is gone")


async def what_is_paused_can_be_stopped(trial: Trial) -> None:
    """As anything else: it hears what it is asked."""
    record = await trial.launch(children.sleeps())
    try:
        record.controls.pause()
    except PlatformNotSupportedError:
        return
    await trio.sleep(trial.grace)  # until it is held: of two signals at once, the other one might be taken first
    await record.controls.stop(Stop(grace=trial.long))
    record.exited(signal="SIGTERM", asked=True, killed=False)


async def what_was_stopped_is_gone(trial: Trial) -> None:
    """When `stop` returns."""
    record = await trial.launch(children.sleeps())
    pid = (await record.wait_for(Launched)).pid
    record.require(trial.is_alive(pid), "it runs")
    await record.controls.stop(Stop(grace=trial.long))
    record.require(not trial.is_alive(pid), "it is gone")


async def _armed(trial: Trial, command: list[str]) -> Record:
    record = await trial.launch(command)
    await record.wait_printed(b"armed")
    return record


CHECKS: tuple[Check, ...] = (
    what_obeys_is_not_killed,
    a_stop_begins_without_waiting,
    what_takes_its_time_within_the_grace_is_not_killed,
    what_ignores_it_is_killed_after_the_grace,
    without_grace_the_kill_follows_at_once,
    a_kill_does_not_ask,
    an_infinite_grace_never_kills,
    a_shorter_ladder_takes_over,
    a_longer_ladder_does_not_take_over,
    a_stop_goes_on_when_its_caller_is_cancelled,
    a_stop_delays_no_other,
    steps_come_in_turn_each_with_its_wait,
    a_command_can_be_a_step,
    a_command_that_does_not_help_does_not_hold_the_ladder,
    the_end_of_its_input_can_be_a_step,
    a_stop_ends_the_whole_group,
    what_is_paused_can_be_stopped,
    what_was_stopped_is_gone,
)
