"""Events: numbered, kept for a while, given to sinks and readers."""

from __future__ import annotations

import pytest
import trio

from regrow._actors.journal import MOST_TEXT, Journal
from regrow.abc import Stream
from regrow.events import ChildAdded, ChildDeleted, ChildOutput, EventsMissed, SinkRemoved


def paths(journal: Journal) -> list[str]:
    return [event.path for event in journal._events]


async def test_events_are_numbered_from_one_without_gaps(autojump_clock):
    seen: list[int] = []
    journal = Journal([lambda event: seen.append(event.seq)])
    for name in "abc":
        journal.announce(ChildAdded(name))
    assert seen == [1, 2, 3]


async def test_a_sink_that_raises_is_taken_out_and_reported():
    seen = []

    def broken(event):
        raise RuntimeError("no")

    journal = Journal([broken, seen.append])
    journal.announce(ChildAdded("a"))
    journal.announce(ChildAdded("b"))
    assert [type(event) for event in seen] == [ChildAdded, SinkRemoved, ChildAdded]
    assert "RuntimeError: no" in seen[1].error
    assert "broken" in seen[1].sink


async def test_what_a_sink_announces_comes_after_what_it_was_told():
    seen = []
    journal = Journal()

    def chatty(event):
        if event.path == "a":
            journal.announce(ChildAdded("b"))

    journal._sinks += [chatty, seen.append]
    journal.announce(ChildAdded("a"))
    assert [(event.seq, event.path) for event in seen] == [(1, "a"), (2, "b")]


async def test_a_reader_begins_at_any_number_that_is_held_and_follows():
    journal = Journal()
    for name in "abc":
        journal.announce(ChildAdded(name))
    stream = journal.events(2)
    assert [(await anext(stream)).path for _ in range(2)] == ["b", "c"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: _announce_later(journal, "d"))
        assert (await anext(stream)).path == "d"


async def _announce_later(journal: Journal, name: str) -> None:
    await trio.testing.wait_all_tasks_blocked()
    journal.announce(ChildAdded(name))


async def test_a_reader_from_now_on_does_not_see_the_past():
    journal = Journal()
    journal.announce(ChildAdded("a"))
    stream = journal.events()
    journal.announce(ChildAdded("b"))
    assert (await anext(stream)).path == "b"


async def test_a_slow_reader_is_told_how_many_it_missed_and_nothing_grows():
    journal = Journal(size=3)
    stream = journal.events(1)
    for number in range(10):
        journal.announce(ChildAdded(str(number)))
    assert paths(journal) == ["7", "8", "9"]
    missed = await anext(stream)
    assert missed == EventsMissed(".", 7)
    assert (await anext(stream)).seq == 8


async def test_a_stream_ends_when_the_tree_has_ended_and_all_has_been_read():
    journal = Journal()
    stream = journal.events(1)
    journal.announce(ChildAdded("a"))
    journal.end()
    assert [event.path async for event in stream] == ["a"]
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_reader_that_sleeps_is_woken_by_the_end():
    journal = Journal()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_read_all, journal)
        await trio.testing.wait_all_tasks_blocked()
        journal.end()


async def _read_all(journal: Journal) -> None:
    async for _ in journal.events():
        pytest.fail("nothing was announced")


async def test_a_watcher_leaves_nothing_behind_and_looks_only_at_its_path():
    journal = Journal()
    looked = []

    def condition() -> bool:
        looked.append(1)
        return False

    with trio.move_on_after(0.01):
        await journal.wait_until("a", condition)
    assert journal._watchers == {}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.wait_until, "a", condition)
        await trio.testing.wait_all_tasks_blocked()
        looked.clear()
        journal.announce(ChildAdded("b"))
        await trio.testing.wait_all_tasks_blocked()
        assert looked == []
        journal.announce(ChildDeleted("a"))
        await trio.testing.wait_all_tasks_blocked()
        assert looked == [1]
        journal.end()


async def test_the_journal_is_bounded_in_what_children_printed_too():
    journal = Journal(size=1000)
    line = "x" * (MOST_TEXT // 4)
    for _ in range(10):
        journal.announce(ChildOutput("a", 1, Stream.STDOUT, line))
    assert len(journal._events) == 4
    assert (await anext(journal.events(1))) == EventsMissed(".", 6)
    journal.announce(ChildOutput("a", 1, Stream.STDOUT, line * 9))
    assert len(journal._events) == 1
