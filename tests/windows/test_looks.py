"""Whoever has ended is seen, whatever messages come or do not."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from regrow._edge.windows.looks import _LAST, _ROUND, Looks

PID, KEY = 40, 1


class Watched:
    """Something that is looked at; it has ended at a moment, and notes when it was looked at."""

    def __init__(self, ends_at=float("inf")):
        self.ends_at = ends_at
        self.looks = []
        self.seen_at = None

    def look(self):
        self.looks.append(trio.current_time())
        if self.seen_at is None and trio.current_time() >= self.ends_at:
            self.seen_at = trio.current_time()
        return self.seen_at is not None


@pytest.fixture
async def looks(nursery, autojump_clock):
    found = Looks()
    nursery.start_soon(found.run)
    await wait_all_tasks_blocked()
    return found


async def quiet(looks, watched, ends_at=float("inf")):
    """Watch it, and let the looks be over that follow from that."""
    looks.watch(KEY, PID, watched.look)
    await trio.sleep(_ROUND - 1)
    watched.looks.clear()


async def test_what_has_ended_before_it_is_watched_is_seen_at_once(autojump_clock, looks):
    watched = Watched(ends_at=0)
    looks.watch(KEY, PID, watched.look)
    await trio.sleep(0.002)
    assert watched.seen_at is not None


async def test_a_message_about_it_has_it_looked_at_at_once(autojump_clock, looks):
    watched = Watched()
    await quiet(looks, watched)
    watched.ends_at = 0
    looks.hear(KEY, PID)
    assert watched.seen_at == trio.current_time()


@pytest.mark.parametrize("pid", [0, PID])
async def test_an_end_that_comes_after_its_message_is_seen_soon(autojump_clock, looks, pid):
    watched = Watched()
    await quiet(looks, watched)
    watched.ends_at = trio.current_time() + 0.03
    looks.hear(KEY, pid)
    await trio.sleep(0.03 + _LAST)
    assert watched.seen_at is not None


async def test_a_message_about_somebody_else_is_no_reason_to_look(autojump_clock, looks):
    watched = Watched()
    await quiet(looks, watched)
    looks.hear(KEY, PID + 4)
    looks.hear(KEY + 1, 0)
    assert watched.looks == []


async def test_without_any_message_it_is_seen_with_the_next_round(autojump_clock, looks):
    watched = Watched()
    await quiet(looks, watched)
    watched.ends_at = trio.current_time() + 0.5
    await trio.sleep(_ROUND + 0.5)
    assert watched.seen_at is not None


async def test_looks_that_see_nothing_come_to_an_end(autojump_clock, looks):
    watched = Watched()
    await quiet(looks, watched)
    looks.hear(KEY, PID)
    await trio.sleep(3 * _ROUND)
    seldom = [time for time in watched.looks if time > watched.looks[0] + _ROUND]
    assert len(watched.looks) < 25
    assert len(seldom) <= 3


async def test_what_a_look_expects_is_looked_for(autojump_clock, looks):
    """The end of the main process is seen; then the end of its job is what is waited for."""
    second = Watched(ends_at=0)

    def first_look():
        looks.watch(KEY, PID, second.look)
        return True

    looks.watch(KEY, PID, first_look)
    await trio.sleep(0.01)
    assert second.seen_at is not None


async def test_what_is_forgotten_is_not_looked_at(autojump_clock, looks):
    watched = Watched()
    await quiet(looks, watched)
    looks.hear(KEY, PID)
    looks.forget(KEY)
    looks.forget(KEY)
    count = len(watched.looks)
    looks.hear(KEY, PID)
    looks.expect(KEY)
    await trio.sleep(2 * _ROUND)
    assert len(watched.looks) == count


async def test_nobody_to_look_at_costs_no_wakeup(autojump_clock, looks):
    before = trio.lowlevel.current_statistics()
    await trio.sleep(3 * _ROUND)
    assert trio.lowlevel.current_statistics().seconds_to_next_deadline == float("inf")
    assert before.tasks_living == trio.lowlevel.current_statistics().tasks_living
