"""The one thread that reads the completion port of a launcher."""

import threading
from queue import SimpleQueue

import pytest
import trio
from tests.edge.recorder import PATIENCE
from tests.windows.dll import WindowsError

from regrow._edge.windows.api import Message
from regrow._edge.windows.port import ThreadedPort

ZERO, NEW, EXIT, ABNORMAL = 4, 6, 7, 8


class Kernel:
    """Has one completion port: a queue."""

    def __init__(self):
        self.queue = SimpleQueue()
        self.closed = []
        self.taken = threading.Semaphore(0)

    def create_port(self):
        return 77

    def post_message(self, port, message):
        assert port == 77
        self.queue.put(message)

    def take_message(self, port):
        assert port == 77
        self.taken.release()
        message = self.queue.get()
        if isinstance(message, OSError):
            raise message
        return message

    def close(self, handle):
        self.closed.append(handle)

    def send(self, *messages):
        for message in messages:
            self.queue.put(message)

    def wait_until_read(self):
        """Hold everything up until its thread has come back for more, as often as there were messages."""
        while not self.queue.empty():
            self.taken.acquire()


class Heard:
    """What was heard."""

    def __init__(self):
        self.all = []
        self._changed = trio.Event()

    def __call__(self, key, pid):
        trio.lowlevel.current_trio_token()  # raises anywhere but on trio's thread
        self.all.append((key, pid))
        self._changed.set()

    async def wait_for(self, count):
        with trio.fail_after(PATIENCE):
            while len(self.all) < count:
                self._changed = trio.Event()
                await self._changed.wait()


@pytest.fixture
def kernel():
    return Kernel()


@pytest.fixture
async def heard(kernel):
    found = Heard()
    port = ThreadedPort(kernel, found)
    assert port.handle == 77
    yield found
    with trio.fail_after(PATIENCE):
        await port.close()
    assert kernel.closed == [77]
    assert not [thread for thread in threading.enumerate() if thread.name == "regrow port"]


async def test_ends_are_heard_by_key_and_pid_and_beginnings_are_not(kernel, heard):
    kernel.send(Message(1, NEW, 40), Message(1, EXIT, 40), Message(2**40, ABNORMAL, 44), Message(2, ZERO, 0))
    await heard.wait_for(3)
    assert sorted(heard.all) == [(1, 40), (2, 0), (2**40, 44)]


async def test_a_flood_of_the_same_is_heard_once(kernel, heard):
    kernel.send(*[Message(1, EXIT, 40)] * 10_000)
    kernel.wait_until_read()
    await heard.wait_for(1)
    assert len(heard.all) < 10


async def test_what_was_heard_can_be_heard_again(kernel, heard):
    for count in (1, 2, 3):
        kernel.send(Message(1, EXIT, 40))
        await heard.wait_for(count)


async def test_a_port_that_breaks_ends_its_thread_and_nothing_else(kernel, heard):
    kernel.send(Message(1, EXIT, 40), WindowsError(735))
    await heard.wait_for(1)


async def test_where_there_is_no_room_for_a_thread_the_port_is_given_back(kernel, monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(RuntimeError):
        ThreadedPort(kernel, print)
    assert kernel.closed == [77]


def test_a_run_that_is_over_does_not_need_the_end_of_the_thread(kernel):
    async def leave_it():
        ThreadedPort(kernel, print)

    trio.run(leave_it)
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "regrow port")
    kernel.send(Message(1, EXIT, 40))
    thread.join(PATIENCE)
    assert kernel.closed == [77]
