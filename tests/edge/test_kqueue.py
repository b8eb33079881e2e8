"""Who has died, as a kqueue tells it: with one for tests, which tells what the test says, or what pidfds say."""

import os
import select
import sys

import pytest
import trio
from tests.edge.pidfds import needs_pidfd
from tests.edge.recorder import SLEEPS, Lab, until, wait_dead
from trio.testing import wait_all_tasks_blocked

from regrow._edge import tools
from regrow._edge.grouping import waiting
from regrow._edge.grouping.handle import Handle
from regrow._edge.grouping.waiting import Deaths
from regrow._edge.local import LocalLauncher
from regrow._edge.reactor import TaskReactor
from regrow._edge.tuning import Tuning
from regrow.testing import Conditions, children, run_check
from regrow.testing._checks import leaving, running, stopping

pytestmark = needs_pidfd  # the kqueue for tests is made of them

AS_ON_MACOS = Tuning(pidfd=False, epoll=False, guardian="none")

if sys.platform != "linux":
    pytest.skip("it is imitated with what Linux has", allow_module_level=True)


class Told:
    """A queue of exits that says what the test tells it."""

    def __init__(self):
        self.reading, self.writing = os.pipe()
        self.registered = []
        self.refused = set()
        self.said = []

    def fileno(self):
        return self.reading

    def register(self, pid):
        if pid in self.refused:
            return False
        self.registered.append(pid)
        return True

    def say(self, *pids):
        self.said += pids
        os.write(self.writing, b"x" * len(pids))

    def take(self):
        said, self.said = self.said, []
        if said:
            os.read(self.reading, len(said))
        return said

    def close(self):
        os.close(self.reading)
        os.close(self.writing)


class Imitated:
    """A queue of exits made of pidfds: each is told once, and then it is forgotten."""

    def __init__(self):
        self.epoll = select.epoll()
        self.pids = {}

    def fileno(self):
        return self.epoll.fileno()

    def register(self, pid):
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        self.pids[fd] = pid
        self.epoll.register(fd, select.EPOLLIN)
        return True

    def take(self):
        found = [fd for fd, _ in self.epoll.poll(0)]
        for fd in found:
            self.epoll.unregister(fd)
            os.close(fd)
        return [self.pids.pop(fd) for fd in found]

    def close(self):
        self.epoll.close()
        for fd in self.pids:
            os.close(fd)


@pytest.fixture
def exits():
    return Told()


@pytest.fixture
async def deaths(exits, nursery, monkeypatch):
    """Those who tell of deaths; a sweep has to be asked, or it looks once in an hour."""
    monkeypatch.setattr(waiting, "_LAST", 3600.0)
    monkeypatch.setattr(waiting, "_FIRST", 0.0001)
    reactor = TaskReactor()
    found = Deaths(reactor, exits)
    nursery.start_soon(reactor.run)
    nursery.start_soon(found.run)
    await wait_all_tasks_blocked()
    yield found
    found.close()


class Body:
    """A child that sleeps, and what is told of it."""

    def __init__(self):
        self.handle = Handle(os.posix_spawn(SLEEPS[0], SLEEPS, os.environ, setsid=True))
        self.told = 0

    @property
    def pid(self):
        return self.handle.pid

    def tell(self):
        assert self.handle.is_dead()
        self.told += 1

    def die(self):
        os.kill(self.pid, 9)
        wait_dead(self.pid)


@pytest.fixture
def bodies():
    found = []

    def make():
        found.append(Body())
        return found[-1]

    yield make
    for body in found:
        body.handle.destroy()


async def test_who_has_exited_is_told_once(deaths, exits, bodies):
    body, other = bodies(), bodies()
    deaths.watch(body.handle, body.tell)
    deaths.watch(other.handle, other.tell)
    assert exits.registered == [body.pid, other.pid]
    body.die()
    exits.say(body.pid)
    await until(lambda: body.told)
    exits.say(body.pid)
    await wait_all_tasks_blocked()
    assert (body.told, other.told) == (1, 0)


async def test_who_is_told_before_there_is_a_body_is_looked_at_until_there_is_one(deaths, exits, bodies):
    body = bodies()
    deaths.watch(body.handle, body.tell)
    exits.say(body.pid)
    await wait_all_tasks_blocked(0.01)
    assert body.told == 0
    body.die()
    deaths.hurry(body.handle)
    await until(lambda: body.told)


async def test_who_is_dead_before_it_is_registered_is_told(deaths, exits, bodies):
    body = bodies()
    body.die()
    deaths.watch(body.handle, body.tell)
    assert body.told == 0  # not before `watch` has returned
    await until(lambda: body.told)


async def test_who_dies_while_it_is_registered_is_told(deaths, exits, bodies, monkeypatch):
    body = bodies()
    monkeypatch.setattr(exits, "register", lambda pid: body.die() or True)
    deaths.watch(body.handle, body.tell)
    await until(lambda: body.told)


async def test_who_cannot_be_registered_is_looked_at(deaths, exits, bodies):
    body = bodies()
    exits.refused.add(body.pid)
    deaths.watch(body.handle, body.tell)
    await wait_all_tasks_blocked(0.01)
    assert body.told == 0
    body.die()
    deaths.hurry(body.handle)
    await until(lambda: body.told)


async def test_what_is_said_of_strangers_is_of_no_account(deaths, exits, bodies):
    body = bodies()
    deaths.watch(body.handle, body.tell)
    exits.say(1, os.getpid())
    await wait_all_tasks_blocked()
    assert body.told == 0


async def test_many_at_once(deaths, exits, bodies):
    crowd = [bodies() for _ in range(100)]
    for body in crowd:
        deaths.watch(body.handle, body.tell)
        body.die()
    exits.say(*(body.pid for body in crowd))
    await until(lambda: all(body.told for body in crowd))
    assert {body.told for body in crowd} == {1}


@pytest.fixture
def imitated(monkeypatch):
    monkeypatch.setattr(tools, "make_exits", Imitated)


@pytest.mark.parametrize(
    "check", [*running.CHECKS, *stopping.CHECKS, *leaving.CHECKS], ids=lambda check: check.__name__
)
async def test_a_launcher_with_a_kqueue_keeps_its_promises(check, imitated):
    await run_check(check, lambda: LocalLauncher(tuning=AS_ON_MACOS), Conditions())


async def test_a_death_is_not_looked_for_but_told(imitated, monkeypatch):
    monkeypatch.setattr(waiting.Sweep, "watch", None)  # nobody sweeps
    async with LocalLauncher(tuning=AS_ON_MACOS).open() as opened:
        life = await Lab(opened).launch(children.exits(3, after=0.3))
        assert (await life.wait_exited()).code == 3


async def test_an_idle_child_costs_no_task(imitated):
    async with LocalLauncher(tuning=AS_ON_MACOS).open() as opened:
        lab = Lab(opened)
        await lab.launch(SLEEPS)
        before = trio.lowlevel.current_statistics().tasks_living
        await lab.launch(SLEEPS)
        pipes = 2  # without an epoll each has its task
        assert trio.lowlevel.current_statistics().tasks_living == before + pipes
