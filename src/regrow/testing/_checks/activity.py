"""What is known of a program's signs of life, and what can be said of it when there are none."""

from __future__ import annotations

import trio

from regrow._specs.activity import AllOf, AnyOf, Heartbeat, Output
from regrow._specs.facts import Activity
from regrow._specs.hang import HangPolicy
from regrow.testing import children
from regrow.testing._checks.record import Record
from regrow.testing._checks.trial import Check, Trial

_OFTEN = 0.02
"""Seconds between two questions, where there is no fact to wait for."""


async def a_beat_is_told(trial: Trial) -> None:
    """When somebody asks, with its age; and never one that nobody has asked for."""
    for via in ("notify", "pipe"):
        policy = HangPolicy(activity=Heartbeat(via))
        record = await trial.launch_if_possible(children.beats(trial.long, 0, via), hang=policy)
        if record is None:
            continue
        first = await _sign(record)
        await trio.sleep(trial.grace)
        later = await _sign(record)
        record.require(later.age >= first.age + trial.least, "the beat is older by the time that has passed")


async def one_that_beats_on_has_a_young_beat(trial: Trial) -> None:
    """However long it runs."""
    policy = HangPolicy(activity=AnyOf(Heartbeat(), Output()))
    record = await trial.launch_if_possible(children.beats(_OFTEN), hang=policy)
    if record is not None:
        await _sign(record)
        await trio.sleep(trial.grace)
        while (await _sign(record)).age > trial.grace / 2:  # noqa: ASYNC110  nobody tells when that changes
            await trio.sleep(_OFTEN)


async def output_is_a_sign_if_it_is_a_source(trial: Trial) -> None:
    """And only then."""
    prints = children.prints(["hello"], "stdout", None)
    watched = await trial.launch_if_possible(prints, hang=HangPolicy(activity=Output()))
    if watched is None:
        return
    await watched.wait_printed(b"hello")
    watched.require((await watched.controls.activity()) is not None, "what it printed is a sign of life")
    other = await trial.launch(prints)
    await other.wait_printed(b"hello")
    other.require((await other.controls.activity()) is None, "nobody has asked for its signs of life")


async def one_that_shows_nothing_has_no_activity(trial: Trial) -> None:
    """While it runs, and when it is gone."""
    policy = HangPolicy(activity=AllOf(Output(), Heartbeat()))
    record = await trial.launch_if_possible(children.sleeps(), hang=policy)
    if record is None:
        return
    record.require((await record.controls.activity()) is None, "it has shown no sign of life")
    record.controls.signal("SIGKILL")
    await record.wait_exited(signal="SIGKILL")
    record.require((await record.controls.activity()) is None, "it is gone")


async def a_dump_does_no_harm(trial: Trial) -> None:
    """Of a program that knows nothing of it."""
    record = await trial.launch(children.ignores_sigterm(), hang=HangPolicy())
    await record.wait_printed(b"armed")
    evidence = await record.controls.evidence(dump=True)
    record.require(evidence is not None and bool(evidence.state), "there is evidence")
    record.require(not record.is_over, "it runs on")


async def _sign(record: Record) -> Activity:
    while (found := await record.controls.activity()) is None:  # noqa: ASYNC110  nobody tells of it
        record.require(not record.is_over, "it is not over yet")
        await trio.sleep(_OFTEN)
    return found


CHECKS: tuple[Check, ...] = (
    a_beat_is_told,
    one_that_beats_on_has_a_young_beat,
    output_is_a_sign_if_it_is_a_source,
    one_that_shows_nothing_has_no_activity,
    a_dump_does_no_harm,
)
