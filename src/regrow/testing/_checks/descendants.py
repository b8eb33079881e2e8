"""What becomes of descendants: in a stop, by a signal, and when the main process has ended."""

from __future__ import annotations

from contextlib import suppress

import psutil
import trio

from regrow._specs.facts import Launched
from regrow._specs.stop import KILL, Signal, Stop, To
from regrow.exceptions import PlatformNotSupportedError
from regrow.testing import children
from regrow.testing._checks.record import Record
from regrow.testing._checks.trial import Check, Trial

OUTSIDE = ("session", "daemon", "stopped")
"""Kinds of descendants that a signal to the group does not reach."""

REACHED = {To.MAIN: {"main"}, To.GROUP: {"main", "group"}, To.TREE: {"main", "group", "session"}}


# -- in a stop ---------------------------------------------------------------------------------------------------------


async def a_stop_ends_the_whole_tree(trial: Trial) -> None:
    """A session of its own, a daemon with an emptied environment, one that is stopped; all of them ignore SIGTERM."""
    for kind in OUTSIDE if trial.reaches_all else ():
        record = await trial.launch(children.leaves(kind, stays=True))
        member = await _member(trial, record)
        await record.controls.stop(Stop(grace=trial.long))
        record.exited(signal="SIGTERM", asked=True)
        record.require(not trial.is_alive(member), f"a {kind} is gone")


async def a_kill_ends_the_whole_tree(trial: Trial) -> None:
    """Without asking anybody."""
    for kind in OUTSIDE if trial.reaches_all else ():
        record = await trial.launch(children.leaves(kind, stays=True))
        member = await _member(trial, record)
        await record.controls.stop(KILL)
        record.exited(signal="SIGKILL", asked=True, killed=True)
        record.require(not trial.is_alive(member), f"a {kind} is gone")


async def what_is_revoked_is_gone_with_its_tree(trial: Trial) -> None:
    """Also what has left its group."""
    if trial.reaches_all:
        record = await trial.launch(children.leaves("session", stays=True))
        member = await _member(trial, record)
        await trial.opened.revoke(record.key)
        record.require(record.is_over and not trial.is_alive(member), "all of it is gone")


async def leaving_ends_the_whole_tree(trial: Trial) -> None:
    """Of every child."""
    if trial.reaches_all:
        async with trial.another() as inner:
            record = await inner.launch(children.leaves("daemon", stays=True))
            member = await _member(trial, record)
        record.require(record.is_over and not trial.is_alive(member), "all of it is gone")


async def what_is_born_during_a_stop_is_gone(trial: Trial) -> None:
    """Even if the main process ends by itself then."""
    if trial.reaches_all:
        record = await trial.launch(children.leaves_when_terminated())
        await record.wait_printed(b"armed\n")
        await record.controls.stop(Stop(grace=trial.long))
        record.exited(code=0, asked=True)
        member = int(record.output().split()[-1])
        record.require(not trial.is_alive(member), "what was born during the stop is gone")


async def a_stop_asks_whom_it_is_to_ask(trial: Trial) -> None:
    """`to`: the main process, its group, or its tree. The kill then takes them all."""
    for to, wanted in REACHED.items():
        record = await trial.launch(children.tells_signals(["SIGUSR1"]))
        away = await _last_pid(record)
        stop = Stop(steps=[Signal("SIGUSR1")], grace=trial.grace, to=to)
        await record.controls.stop(stop)
        _end(away)
        record.exited(signal="SIGKILL", asked=True, killed=True)
        _require_heard(trial, record, wanted)


async def a_signal_reaches_whom_it_is_to_reach(trial: Trial) -> None:
    """The same without a stop; what it has not been sent to does not hear it."""
    for to, wanted in REACHED.items():
        record = await trial.launch(children.tells_signals(["SIGUSR1", "SIGUSR2"]))
        away = await _last_pid(record)
        record.controls.signal("SIGUSR1", to)
        for who in _in_reach(trial, wanted):
            await record.wait_printed(f"{who} SIGUSR1\n".encode())
        await record.controls.stop(KILL)
        _end(away)
        _require_heard(trial, record, wanted)


async def a_pause_holds_the_whole_tree(trial: Trial) -> None:
    """As far as signals reach; what it was told meanwhile, all of it hear when they are resumed."""
    record = await trial.launch(children.tells_signals(["SIGUSR1"]))
    away = await _last_pid(record)
    try:
        record.controls.pause()
        await trio.sleep(trial.grace)  # the order may have a way to go
        record.controls.signal("SIGUSR1", To.TREE)
        await trio.sleep(trial.grace)
        record.require(b"SIGUSR1" not in record.output(), "none of a paused tree prints")
        record.controls.resume()
        for who in _in_reach(trial, REACHED[To.TREE]):
            await record.wait_printed(f"{who} SIGUSR1\n".encode())
    except PlatformNotSupportedError:
        pass
    await record.controls.stop(KILL)
    _end(away)


# -- when the main process has ended -----------------------------------------------------------------------------------


async def strays_end_with_the_main_process(trial: Trial) -> None:
    """Wherever they are: before the terminal fact, which counts them."""
    for kind in OUTSIDE if trial.reaches_all else ():
        record = await trial.launch(children.leaves(kind))
        exited = await record.wait_exited(code=0, asked=False)
        record.require(not trial.is_alive(await _member(trial, record)), f"a {kind} is gone")
        record.require(exited.strays == 1, "it has one stray")


async def strays_may_end_by_themselves(trial: Trial) -> None:
    """With `strays=` seconds: then none was ended, and the exit says how long that took."""
    record = await trial.launch(children.leaves(lasts=trial.grace), strays=trial.long)
    exited = await record.wait_exited(code=0, asked=False, strays=0)
    record.require(not trial.is_alive(await _member(trial, record)), "its stray is gone")
    record.require(exited.lingered > 0, "the exit says how long its stray has lasted")


async def strays_that_do_not_end_in_time_are_ended(trial: Trial) -> None:
    """And not before."""
    record = await trial.launch(children.leaves(), strays=trial.grace)
    exited = await record.wait_exited(code=0, asked=False, strays=1)
    record.require(not trial.is_alive(await _member(trial, record)), "its stray is gone")
    record.require(exited.lingered >= trial.least, "its stray has its time")


async def strays_can_be_kept(trial: Trial) -> None:
    """With `strays="keep"`: the exit does not wait for them. A stop of the child ends them all the same."""
    record = await trial.launch(children.leaves(lasts=trial.long), strays="keep")
    await record.wait_exited(code=0, asked=False, strays=0)
    member = await _member(trial, record)
    record.require(trial.is_alive(member), "its stray lives on")
    _end(member)
    record = await trial.launch(children.leaves(stays=True), strays="keep")
    member = await _member(trial, record)
    await record.controls.stop(Stop(grace=trial.long))
    record.require(not trial.is_alive(member), "a stop ends its descendant")


async def strays_that_have_time_left_end_with_a_stop(trial: Trial) -> None:
    """Which does not wait for them."""
    record = await trial.launch(children.leaves(), strays=trial.long)
    member = await _member(trial, record)
    await record.controls.stop(Stop(grace=trial.grace))
    record.require(record.is_over and not trial.is_alive(member), "its stray is gone")


async def nothing_is_left_in_the_process_table(trial: Trial) -> None:
    """When the terminal fact comes: no zombie, of the main process or of a descendant."""
    record = await trial.launch(children.leaves())
    await record.wait_exited(code=0)
    pids = [(await record.wait_for(Launched)).pid]
    if trial.reaches_all:  # else it is not we who reap it
        pids.append(await _member(trial, record))
    record.require(not any(map(trial.is_there, pids)), f"nothing is left of {pids}")


async def _member(trial: Trial, record: Record) -> int:
    """The descendant of which it tells."""
    await record.wait_printed(b"\n")
    member = int(record.output().split()[1])
    record.require(record.is_over or trial.is_alive(member), "its descendant runs")
    return member


async def _last_pid(record: Record) -> int:
    """The last one of those that it says."""
    await record.wait_printed(b"\n")
    return int(record.output().splitlines()[0].split()[-1])


def _end(pid: int) -> None:
    """What a group does not reach is left to us; if it is one of ours, for here the number may mean another process."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if children.parse(process.cmdline()):
            process.kill()


def _heard(record: Record) -> set[str]:
    return {line.split()[0] for line in record.output().decode().splitlines() if line.endswith(" SIGUSR1")}


def _in_reach(trial: Trial, wanted: set[str]) -> set[str]:
    return wanted if trial.reaches_all else wanted - {"session"}


def _require_heard(trial: Trial, record: Record, wanted: set[str]) -> None:
    heard = _heard(record)
    record.require(_in_reach(trial, wanted) <= heard <= wanted, f"{sorted(wanted)} hear it, not {sorted(heard)}")


CHECKS: tuple[Check, ...] = (
    a_stop_ends_the_whole_tree,
    a_kill_ends_the_whole_tree,
    what_is_revoked_is_gone_with_its_tree,
    leaving_ends_the_whole_tree,
    what_is_born_during_a_stop_is_gone,
    a_stop_asks_whom_it_is_to_ask,
    a_signal_reaches_whom_it_is_to_reach,
    a_pause_holds_the_whole_tree,
    strays_end_with_the_main_process,
    strays_may_end_by_themselves,
    strays_that_do_not_end_in_time_are_ended,
    strays_can_be_kept,
    strays_that_have_time_left_end_with_a_stop,
    nothing_is_left_in_the_process_table,
)
