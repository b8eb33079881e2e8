"""Leaves: there before they are needed, given to whoever asks, removed when they are done with."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import signal
from typing import Any

import pytest
import trio
from tests.edge.cgroups.ground import members, sleep_in
from tests.edge.recorder import PATIENCE, until

from regrow._edge.alarms import Alarms
from regrow._edge.cgroups.branch import Branch, Tended
from regrow._edge.cgroups.emptying import Emptying
from regrow._edge.cgroups.leaves import Leaves
from regrow._edge.grouping.spawner import Spawner
from regrow._edge.reactor import TaskReactor, make_reactor
from regrow._edge.tuning import Tuning


class Garden:
    """Leaves, and all that they need."""

    def __init__(self, ground, reactor) -> None:
        self.ground = ground
        self.reactor = reactor
        self.alarms = Alarms()
        self.spawner = Spawner()
        self.branch = Branch(ground.place)
        self.leaves = Leaves(self.branch, Emptying(reactor), self.spawner, self.alarms)

    @property
    def path(self):
        return self.ground.path / os.path.basename(self.branch.path)

    def there(self):
        """The leaves that are there."""
        return {path.name for path in self.path.iterdir() if path.is_dir()}

    async def take(self):
        """A leaf, as one who starts a child gets it."""
        leaf = self.leaves.take()
        return leaf if leaf is not None else await self.ask()

    async def ask(self):
        answers = []
        self.leaves.ask(answers.append)
        await until(lambda: answers)
        return answers[0]

    async def kill_and_wait(self, leaf, patience=PATIENCE):
        """What is told of the end of what is in it."""
        told = []
        leaf.end(lambda: told.append("empty"), lambda: told.append("complaint"), patience)
        await until(lambda: told)
        return told


@pytest.fixture(params=["epoll", "tasks"])
async def garden(request, ground, nursery):
    reactor = make_reactor(Tuning()) if request.param == "epoll" else TaskReactor()
    garden = Garden(ground, reactor)
    nursery.start_soon(reactor.run)
    nursery.start_soon(garden.alarms.run)
    yield garden
    garden.leaves.close()
    await garden.spawner.close()
    nursery.cancel_scope.cancel()
    reactor.close()
    assert ground.inside() == []


async def test_whoever_asks_gets_one(garden):
    leaf = await garden.take()
    assert os.readlink(f"/proc/self/fd/{leaf.directory}") == leaf.path
    assert leaf.name in garden.there()
    leaf.drop()


async def test_everybody_gets_his_own(garden):
    leaves = []
    for _ in range(150):
        garden.leaves.ask(leaves.append)
    await until(lambda: len(leaves) == 150)
    assert len({leaf.name for leaf in leaves}) == 150
    for leaf in leaves:
        leaf.drop()


async def test_some_are_there_before_they_are_asked_for(garden):
    (await garden.take()).drop()
    for _ in range(40):
        await until(lambda: (leaf := garden.leaves.take()) is not None and leaf.drop() is None)


async def test_one_that_is_done_with_is_removed(garden):
    leaf = await garden.take()
    leaf.sent()
    leaf.drop()
    await until(lambda: leaf.name not in garden.there())


async def test_few_are_there_for_few(garden):
    (await garden.take()).drop()
    await until(lambda: len(garden.there()) == 2)


async def test_one_that_is_not_empty_is_emptied_first(garden):
    leaf = await garden.take()
    process = sleep_in(garden.path / leaf.name)
    leaf.drop()
    await until(lambda: process.poll() is not None)
    assert process.returncode == -signal.SIGKILL
    await until(lambda: leaf.name not in garden.there())


async def test_one_that_is_stuck_is_removed_when_it_can_be(garden, unkillable):
    leaf = await garden.take()
    process = sleep_in(garden.path / leaf.name)
    held = unkillable(process.pid)
    leaf.drop()
    other = await garden.take()
    other.drop()
    await until(lambda: other.name not in garden.there())
    assert leaf.name in garden.there()
    held.let_go()
    await until(lambda: process.poll() is not None)
    await until(lambda: leaf.name not in garden.there())


async def test_an_end_is_told_when_nothing_is_left(garden):
    leaf = await garden.take()
    processes = [sleep_in(garden.path / leaf.name) for _ in range(3)]
    assert await garden.kill_and_wait(leaf) == ["empty"]
    assert members(garden.path / leaf.name) == []
    assert [process.wait() for process in processes] == [-signal.SIGKILL] * 3
    leaf.drop()


async def test_an_end_of_what_is_empty_is_told(garden):
    leaf = await garden.take()
    assert await garden.kill_and_wait(leaf) == ["empty"]
    os.rmdir(leaf.path)
    assert await garden.kill_and_wait(leaf) == ["empty"]
    leaf.drop()


async def test_an_end_that_does_not_come_is_complained_of_and_waited_for(garden, unkillable):
    leaf = await garden.take()
    process = sleep_in(garden.path / leaf.name)
    held = unkillable(process.pid)
    told = await garden.kill_and_wait(leaf, patience=0.05)
    assert told == ["complaint"]
    held.let_go()
    await until(lambda: told == ["complaint", "empty"])
    process.wait()
    leaf.drop()


async def test_whoever_waits_for_an_end_sleeps(garden, unkillable):
    leaf = await garden.take()
    process = sleep_in(garden.path / leaf.name)
    held = unkillable(process.pid)
    emptying: Any = garden.leaves._watch
    told = await garden.kill_and_wait(leaf, patience=0.05)
    assert emptying._epoll.poll(0.05) == []
    held.let_go()
    await until(lambda: told == ["complaint", "empty"])
    process.wait()
    leaf.drop()


async def test_what_is_held_still_does_nothing(garden):
    leaf = await garden.take()
    process = sleep_in(garden.path / leaf.name)
    assert leaf.freeze(True)
    events = garden.path / leaf.name / "cgroup.events"
    await until(lambda: "frozen 1" in events.read_text())
    assert leaf.freeze(False)
    await until(lambda: "frozen 0" in events.read_text())
    assert leaf.freeze(True)
    assert await garden.kill_and_wait(leaf) == ["empty"]
    process.wait()
    leaf.drop()


async def test_what_is_in_it_is_counted(garden):
    leaf = await garden.take()
    process = sleep_in(garden.path / leaf.name)
    counted = leaf.count()
    assert counted.user is not None
    assert counted.system is not None
    assert (counted.memory_peak is None) == ("memory" not in garden.branch.counts)
    process.kill()
    process.wait()
    leaf.drop()


# -- without room ------------------------------------------------------------------------------------------------------


async def test_where_there_is_no_room_there_is_none_until_there_is(garden):
    limit = garden.path / "cgroup.max.descendants"
    limit.write_text("0")
    assert await garden.ask() is None
    assert "Resource temporarily unavailable" in garden.leaves.trouble
    assert garden.leaves.is_growing
    assert garden.leaves.take() is None
    limit.write_text("max")
    leaf = await garden.ask()
    assert leaf is not None
    assert garden.leaves.trouble == ""
    leaf.drop()


async def test_where_there_is_little_room_some_get_one(garden):
    (garden.path / "cgroup.max.descendants").write_text("10")
    answers = []
    for _ in range(20):
        garden.leaves.ask(answers.append)
    await until(lambda: len(answers) == 20)
    got = [leaf for leaf in answers if leaf is not None]
    assert len(got) == 10
    for leaf in got:
        leaf.drop()


async def test_a_place_that_has_vanished_is_given_up(garden):
    (await garden.take()).drop()
    await until(lambda: len(garden.there()) == 2 or garden.leaves.take())
    for name in garden.there():
        os.rmdir(garden.path / name)
    garden.path.rmdir()
    while (leaf := garden.leaves.take()) is None and garden.leaves.is_growing:
        leaf = await garden.ask()
        assert leaf is None
    assert "No such file or directory" in garden.leaves.trouble
    assert not garden.leaves.is_growing


async def test_one_that_has_vanished_is_passed_over(garden):
    (await garden.take()).drop()
    await until(lambda: len(garden.there()) == 2)
    for name in garden.there():
        os.rmdir(garden.path / name)
    leaf = await garden.take()
    assert leaf is not None
    leaf.drop()


async def test_who_cannot_be_put_into_one_spares_others_the_try(garden):
    leaf = await garden.take()
    leaf.refused(95)
    assert "no process can be put into" in garden.leaves.trouble
    assert not garden.leaves.is_growing
    assert garden.leaves.take() is None


async def test_one_that_was_gone_too_soon_says_nothing_of_others(garden):
    leaf = await garden.take()
    leaf.refused(2)
    assert garden.leaves.is_growing


async def test_whoever_waits_when_it_ends_gets_none(garden):
    answers = []
    garden.leaves.ask(answers.append)
    garden.leaves.close()
    assert answers == [None]


async def test_an_end_while_many_are_being_made_leaves_none(garden):
    (await garden.take()).drop()
    answers = []
    for _ in range(200):
        garden.leaves.ask(answers.append)
    await until(lambda: answers)
    garden.leaves.close()
    assert len(answers) == 200
    for leaf in answers:
        if leaf is not None:
            leaf.drop()


def test_a_branch_that_is_gone_touches_nothing_any_more(ground, tmp_path):
    branch = Branch(ground.place)
    branch.discard()
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "cgroup.kill").touch()
    directory = os.open(tmp_path, os.O_RDONLY)
    os.dup2(directory, branch.directory)  # the number is another's now
    assert branch.tend(3, ["1"]) == Tended()
    branch.kill("1")
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    assert (tmp_path / "1" / "cgroup.kill").read_text() == ""
    for number in {directory, branch.directory}:
        os.close(number)


async def test_all_that_is_left_is_ended_with_it(garden):
    leaf = await garden.take()
    process = sleep_in(garden.path / leaf.name)
    leaf.sent()
    garden.leaves.close()
    assert not leaf.freeze(True)
    assert leaf.count().user is None
    with trio.fail_after(PATIENCE):
        await trio.to_thread.run_sync(process.wait)
    assert process.returncode == -signal.SIGKILL
