"""The oracle of events: what it finds, what it waits for, and what it says when it is disappointed."""

import sys

import pytest
import trio

from regrow import ChildSpec, Exit, Reason, SupervisorSpec, open_supervisor
from regrow.events import ChildExited, ChildReady, ChildStarted, RestartScheduled
from regrow.testing import FakeLauncher
from regrow.testing.recorder import Recorder, match

TREE = SupervisorSpec(name="app", children=[ChildSpec(name="a", command=["a"], backoff=None)])
CRASHED = Exit(Reason.CRASHED, code=1)


@pytest.fixture
def recorder():
    return Recorder()


def feed(recorder, *events):
    for number, event in enumerate(events, 1):
        recorder(event.stamped(number, 100.0 + number, 0.0))


async def test_a_run_may_have_others_in_between(recorder, autojump_clock):
    feed(recorder, ChildStarted("a", 1), ChildStarted("b", 1), ChildReady("a", 1))
    found = await recorder.expect(ChildStarted("a", 1), ChildReady)
    assert found == [ChildStarted("a", 1), ChildReady("a", 1)]


async def test_a_run_without_gaps_has_nothing_in_between_but_may_begin_late(recorder, autojump_clock):
    feed(recorder, ChildStarted("a", 1), ChildStarted("b", 1), ChildReady("a", 1))
    assert await recorder.expect(match(ChildStarted, path="b"), ChildReady, gaps=False)
    recorder = Recorder()
    feed(recorder, ChildStarted("a", 1), ChildStarted("b", 1), ChildReady("a", 1))
    with pytest.raises(AssertionError, match="with nothing in between"):
        await recorder.expect(ChildStarted("a", 1), ChildReady("a", 1), gaps=False)


async def test_a_run_without_gaps_is_found_behind_its_own_beginning(recorder, autojump_clock):
    feed(recorder, ChildStarted("a", 1), ChildStarted("a", 2), ChildReady("a", 2))
    assert len(await recorder.expect(ChildStarted, ChildReady, gaps=False)) == 2


@pytest.mark.parametrize("gaps", [True, False])
async def test_a_run_has_an_order(recorder, autojump_clock, gaps):
    feed(recorder, ChildStarted("a", 1), ChildReady("a", 1))
    with pytest.raises(AssertionError, match="MISSING ChildStarted"):
        await recorder.expect(ChildReady, ChildStarted, gaps=gaps)


async def test_one_expectation_after_the_other_tells_a_story(recorder, autojump_clock):
    feed(recorder, ChildStarted("a", 1), ChildStarted("a", 2))
    await recorder.expect(ChildStarted)
    assert recorder.unread == [ChildStarted("a", 2)]
    with pytest.raises(AssertionError):
        await recorder.expect(ChildStarted("a", 1))
    assert recorder.unread == [ChildStarted("a", 2)]
    await recorder.eventually(ChildStarted("a", 1))
    recorder.forget()
    assert recorder.unread == []


async def test_a_wait_ends_with_the_event_and_not_later(recorder, autojump_clock):
    async with open_supervisor(TREE, launcher=FakeLauncher(), sinks=[recorder]) as supervisor:
        recorder.forget()

        async def crash():
            await trio.sleep(3)
            supervisor["a"].signal("KILL")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(crash)
            began = trio.current_time()
            died = match(Exit, reason=Reason.CRASHED, signal=lambda name: name.startswith("SIG"))
            await recorder.expect(match(ChildExited, path="a", exit=died), match(ChildReady, incarnation=2), within=60)
        assert trio.current_time() - began == 3


async def test_it_waits_for_real_events_on_a_real_clock(recorder):
    crash = SupervisorSpec(
        name="app", children=[ChildSpec(name="a", command=[sys.executable, "-c", "exit(3)"], restart="temporary")]
    )
    async with open_supervisor(crash, sinks=[recorder]):
        await recorder.expect(ChildStarted("a", 1), ChildExited("a", 1, Exit(Reason.CRASHED, code=3)), within=30)


async def test_a_disappointment_shows_what_was_nearest_and_the_timeline(recorder, autojump_clock):
    feed(recorder, ChildStarted("a", 1), ChildExited("a", 1, CRASHED), ChildStarted("a", 2))
    with pytest.raises(AssertionError) as caught:
        await recorder.expect(ChildStarted("a", 1), match(ChildExited, exit=match(Exit, code=7)), ChildReady, within=2)
    assert trio.current_time() == 2
    story = str(caught.value)
    assert story.splitlines() == [
        "expected within 2 s, in this order, others may come in between:",
        "  ok      ChildStarted(path='a', incarnation=1)",
        "  MISSING ChildExited(exit=Exit(code=7))",
        "    ?     ChildReady",
        "the nearest was ChildExited(path='a', incarnation=1, exit=crashed (exit code 1))",
        "    exit code is 1, not 7",
        "what happened:",
        ">     +0.000  ChildStarted(path='a', incarnation=1)",
        "      +1.000  ChildExited(path='a', incarnation=1, exit=crashed (exit code 1))",
        "      +2.000  ChildStarted(path='a', incarnation=2)",
    ]


async def test_a_class_of_which_there_was_none_is_said_so(recorder, autojump_clock):
    feed(recorder, ChildStarted("a", 1))
    with pytest.raises(AssertionError, match="there was no RestartScheduled"):
        await recorder.eventually(RestartScheduled)


async def test_never_fails_as_soon_as_it_happens(recorder, autojump_clock):
    async with open_supervisor(TREE, launcher=FakeLauncher(), sinks=[recorder]) as supervisor:
        await recorder.never(ChildExited, during=10)
        assert trio.current_time() == 10
        await supervisor["a"].stop()
        with pytest.raises(AssertionError, match="must not happen: ChildExited"):
            await recorder.never(ChildExited, during=10)
        assert trio.current_time() == 10


async def test_never_sees_what_comes_while_it_waits(recorder, autojump_clock):
    async def later():
        await trio.sleep(4)
        feed(recorder, ChildStarted("a", 1))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(later)
        with pytest.raises(AssertionError):
            await recorder.never(ChildStarted, during=10)
        assert trio.current_time() == 4


def test_a_pattern_with_a_wrong_field_is_refused_at_once():
    with pytest.raises(TypeError, match="ChildExited has no field incarnatoin"):
        match(ChildExited, incarnatoin=1)


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
async def test_a_wait_that_makes_no_sense_is_refused(recorder, seconds):
    with pytest.raises(ValueError, match="0 or more"):
        await recorder.never(ChildStarted, during=seconds)
