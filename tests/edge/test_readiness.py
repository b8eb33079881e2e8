"""When a child is ready, and the words when it is not going to be."""

from __future__ import annotations

import math
import socket
import sys
import time

import pytest
import trio
from tests.edge.recorder import PATIENCE, SLEEPS, sh, until
from trio.testing import wait_all_tasks_blocked

from regrow._edge.posix import Process
from regrow._edge.readying import waiting
from regrow._edge.readying.patience import Patience
from regrow._edge.readying.scene import Scene
from regrow._edge.start import Start
from regrow._specs.protocol import Awaiting, Launched, Ready, ReadyFailed, Target
from regrow._specs.readiness import Calls, Completes, TcpPort
from regrow._specs.stop import KILL
from regrow.testing import children

assert sys.platform != "win32"


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


async def test_a_port_is_ready_when_it_is_listened_to(lab, port):
    life = await lab.launch(children.listens(port, 0.1), ready=TcpPort(port))
    assert life.facts == [Launched(life.pid, life.containment), Awaiting(f"TCP port 127.0.0.1:{port}")]
    await life.wait_for(lambda: life.is_ready)
    assert life.stdout in {b"", b"listening\n"}


async def test_a_name_may_have_more_than_one_address(lab, port):
    life = await lab.launch(children.listens(port), ready=TcpPort(port, "localhost"))
    await life.wait_for(lambda: life.is_ready)


async def test_a_port_that_nobody_listens_to_is_told_with_its_last_error(lab, port):
    life = await lab.launch(SLEEPS, ready=TcpPort(port), start_timeout=1)
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert life.failure == (
        f"not ready within 1 s: still waiting for TCP port 127.0.0.1:{port}; last error: Connection refused"
    )
    assert not life.is_over


async def test_a_port_that_swallows_is_tried_again(monkeypatch):
    monkeypatch.setattr(waiting, "_CONNECT", 0.01)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):  # the queue is full: nobody is answered any more
            fact = await get_ready(TcpPort(full.getsockname()[1]), 0.1)
    assert "last error: no answer within 0.01 s" in fact.why


async def test_a_connection_to_ourselves_is_not_the_child(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("trio.socket.socket", Mirror)
        fact = await get_ready(TcpPort(40000), 0.05)
    assert isinstance(fact, ReadyFailed)


class Mirror:
    """A socket that the kernel has connected to itself."""

    def __init__(self, *kind):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    async def connect(self, address):
        self._address = address

    def getsockname(self):
        return self._address

    getpeername = getsockname


async def test_a_function_is_called_until_it_is_true(lab):
    answers = [False, ValueError("not yet"), 0, True]

    def ask():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    life = await lab.launch(SLEEPS, ready=Calls(ask, interval=0.001))
    await life.wait_for(lambda: life.is_ready)
    assert answers == []


async def test_an_async_function_is_awaited(lab):
    async def ask():
        await trio.lowlevel.checkpoint()
        return True

    life = await lab.launch(SLEEPS, ready=Calls(ask))
    await life.wait_for(lambda: life.is_ready)


async def test_the_last_error_of_a_function_is_told(lab):
    def ask():
        raise ValueError("the moon is not full")

    life = await lab.launch(SLEEPS, ready=Calls(ask, interval=0.001), start_timeout=1)
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert life.failure.endswith("ask; last error: the moon is not full")


async def test_an_async_function_that_takes_too_long_is_cancelled(lab):
    ended = trio.Event()

    async def ask():
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    life = await lab.launch(SLEEPS, ready=Calls(ask), start_timeout=0.05)
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert ended.is_set()


class Custom:
    """Somebody else's probe."""

    def __init__(self, wait):
        self._wait = wait
        self.target = None
        self.was_cancelled = trio.Event()

    async def wait_ready(self, target):
        self.target = target
        try:
            await self._wait()
        except trio.Cancelled:
            self.was_cancelled.set()
            raise

    def __str__(self):
        return "the stars"


async def test_any_object_can_be_a_probe(lab):
    probe = Custom(trio.lowlevel.checkpoint)
    life = await lab.launch(SLEEPS, ready=probe)
    await life.wait_for(lambda: life.is_ready)
    assert probe.target == Target(life.key, life.pid)


@pytest.mark.parametrize(("error", "why"), [(ValueError("out of order"), "out of order"), (KeyError(), "KeyError()")])
async def test_a_probe_that_raises_says_that_it_never_will_be(error, why, lab):
    async def fail():
        await trio.lowlevel.checkpoint()
        raise error

    life = await lab.launch(SLEEPS, ready=Custom(fail))
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert life.failure == why
    assert not life.is_over


async def test_a_probe_is_cancelled_when_its_time_is_over(lab):
    probe = Custom(trio.sleep_forever)
    life = await lab.launch(SLEEPS, ready=probe, start_timeout=0.05)
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert life.failure == "not ready within 0.05 s: still waiting for the stars"
    assert probe.was_cancelled.is_set()


async def test_a_probe_does_not_outlive_the_process(lab):
    probe = Custom(trio.sleep_forever)
    life = await lab.launch(sh("read line; exit 3"), ready=probe, stdin="pipe", start_timeout=math.inf)
    life.controls.close_stdin()
    assert (await life.wait_exited()).code == 3
    await wait_all_tasks_blocked()
    assert probe.was_cancelled.is_set()
    assert not life.has(Ready)
    assert not life.has(ReadyFailed)


async def test_a_probe_of_one_who_died_at_once_is_not_carried_out(lab, monkeypatch):
    get_ready = Process._get_ready

    async def get_ready_late(process, getting):
        await until(lambda: process._is_dead)
        await get_ready(process, getting)

    monkeypatch.setattr(Process, "_get_ready", get_ready_late)
    probe = Custom(trio.sleep_forever)
    life = await lab.launch(sh("exit 3"), ready=probe, start_timeout=math.inf)
    await life.wait_exited()
    with trio.fail_after(PATIENCE):
        await probe.was_cancelled.wait()


async def test_a_probe_that_is_done_in_the_moment_of_the_death_says_nothing(lab):
    died = trio.Event()

    async def wait():
        with trio.CancelScope(shield=True):
            await died.wait()

    life = await lab.launch(["/bin/cat"], ready=Custom(wait), stdin="pipe")
    life.controls.close_stdin()
    await life.wait_exited()
    died.set()
    await wait_all_tasks_blocked()
    assert not life.has(Ready)


async def test_the_time_begins_with_the_request(lab, monkeypatch):
    # The spawn takes longer than the whole time: the probe has none left.
    take = Start._take

    def take_late(start, answer):
        time.sleep(0.1)
        take(start, answer)

    monkeypatch.setattr(Start, "_take", take_late)
    life = await lab.launch(SLEEPS, ready=Custom(trio.sleep_forever), start_timeout=0.05)
    await wait_all_tasks_blocked()
    assert life.has(ReadyFailed)


async def test_what_is_to_complete_is_never_ready_and_has_its_time(lab):
    life = await lab.launch(sh("exit 0"), ready=Completes())
    assert (await life.wait_exited()).code == 0
    assert not life.has(Ready)
    late = await lab.launch(SLEEPS, ready=Completes(), start_timeout=0.05)
    await late.wait_for(lambda: late.has(ReadyFailed))
    assert late.failure == "not ready within 0.05 s: still waiting for completion"


async def test_what_is_not_ready_can_be_stopped(lab):
    life = await lab.launch(SLEEPS, ready=Custom(trio.sleep_forever))
    await life.controls.stop(KILL)
    assert [type(fact).__name__ for fact in life.facts] == ["Launched", "Awaiting", "Exited"]


async def get_ready(probe, seconds):
    scene = Scene(target=Target(None, 0), look=None, run=None, remark=print)
    patience = Patience(trio.current_time() + seconds)
    return await waiting.Waiting(probe, scene, patience, print).run(seconds)
