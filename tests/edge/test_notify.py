"""What a child says of itself, in the words of sd_notify, and who is not heard."""

from __future__ import annotations

import math
import os
import socket
import sys

import pytest
import trio
from tests.edge.recorder import SAY, SLEEPS, Lab, python, until

from regrow._edge.local import LocalLauncher
from regrow._edge.notify import Notifications
from regrow._edge.notifying import Notifier
from regrow._edge.posix import Process
from regrow._edge.reactor import make_reactor
from regrow._edge.request import Request
from regrow._edge.tuning import Tuning
from regrow._specs.facts import Leaving, Ready, ReadyFailed, Remark
from regrow._specs.readiness import Notified
from regrow.testing import children

assert sys.platform != "win32"


def says(*texts, then="signal.pause()"):
    return python(*SAY, *(f"say({text!r})" for text in texts), then)


def request_of(life) -> Request:
    assert isinstance(life.controls, Process)
    return life.controls._request


def is_there(path):
    return os.path.lexists(path)


def remarks(life):
    return [fact for fact in life.facts if isinstance(fact, Remark)]


async def test_a_child_is_ready_when_it_says_so(lab):
    life = await lab.launch(python(*SAY, "sys.stdin.read()", "say('READY=1')", "signal.pause()"),
                            ready=Notified(), stdin="pipe")  # fmt: skip
    assert not life.is_ready
    life.controls.close_stdin()
    await life.wait_for(lambda: life.is_ready)


async def test_other_words_do_not_make_it_ready(lab):
    life = await lab.launch(says("READY=0", "ready=1", "READY", "=1", "X"), ready=Notified(), start_timeout=0.3)
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert life.failure == "not ready within 0.3 s: still waiting for READY=1"


async def test_a_descendant_may_say_it(lab):
    life = await lab.launch(python("if os.fork(): signal.pause()", *SAY, "say('READY=1')", "signal.pause()"),
                            ready=Notified())  # fmt: skip
    await life.wait_for(lambda: life.is_ready)


async def test_what_it_says_of_itself_is_told_once(lab):
    life = await lab.launch(says("STATUS=reading", "READY=1\nSTATUS=serving", "STATUS=serving", "STOPPING=1",
                                 "STOPPING=1", "STATUS=bye"), ready=Notified())  # fmt: skip
    await life.wait_for(lambda: Remark("bye") in life.facts)
    assert remarks(life) == [Remark("reading"), Remark("serving"), Remark("bye")]
    assert life.facts.count(Leaving()) == 1


async def test_its_last_words_are_heard(lab):
    life = await lab.launch(says("STATUS=no disk left", then="os._exit(3)"), ready=Notified())
    assert (await life.wait_exited()).code == 3
    assert remarks(life) == [Remark("no disk left")]


async def test_its_last_words_are_heard_though_nobody_hurries(lab, monkeypatch):
    monkeypatch.setattr("regrow._edge.lazy.REST", 1000.0)
    lines = (*SAY, "say('READY=1')", "sys.stdin.readline()", "say('STATUS=going')", "sys.stdin.read()",
             "say('STATUS=bye')", "os._exit(3)")  # fmt: skip
    life = await lab.launch(python(*lines), ready=Notified(), stdin="pipe")
    await life.wait_for(lambda: life.is_ready)
    await life.controls.write_stdin(b"\n")
    await life.wait_for(lambda: Remark("going") in life.facts)
    life.controls.close_stdin()
    await life.wait_exited()
    assert remarks(life) == [Remark("going"), Remark("bye")]


async def test_what_is_not_done_is_said_once_with_a_reason(lab):
    life = await lab.launch(says("MAINPID=1", "MAINPID=2", "FDSTORE=1", "READY=1"), ready=Notified())
    await life.wait_for(lambda: life.is_ready)
    first, second = remarks(life)
    assert first.text == "MAINPID=1 is not done: its main process is the one that was launched, and stays so"
    assert second.text.startswith("FDSTORE=1 is not done: nothing keeps descriptors")
    assert first.is_answer
    assert second.is_answer


async def test_a_child_may_say_who_it_is(lab):
    life = await lab.launch(python(*SAY, "say(f'READY=1\\nMAINPID={os.getpid()}')", "signal.pause()"), ready=Notified())
    await life.wait_for(lambda: life.is_ready)
    assert remarks(life) == []


async def test_more_time_can_be_had(lab):
    command = python(*SAY, "say('EXTEND_TIMEOUT_USEC=20000000')", "print('asked', flush=True)", "sys.stdin.read()",
                     "say('READY=1')", "signal.pause()")  # fmt: skip
    life = await lab.launch(command, ready=Notified(), stdin="pipe", start_timeout=2.0)
    begun = trio.current_time()
    await life.wait_printed(b"asked")
    await trio.sleep_until(begun + 2.2)  # longer than it had
    assert not life.has(ReadyFailed)
    life.controls.close_stdin()
    await life.wait_for(lambda: life.is_ready)


async def test_a_barrier_is_passed_and_its_descriptor_is_not_kept(lab):
    command = python(
        *SAY,
        "ours, theirs = os.pipe()",
        "say('READY=1')",
        "socket.send_fds(teller, [b'BARRIER=1'], [theirs])",
        "os.close(theirs)",
        "os.read(ours, 1)",  # its end: nobody has it any more
        "print('passed', flush=True); signal.pause()",
    )
    life = await lab.launch(command, ready=Notified())
    await life.wait_printed(b"passed")
    assert life.is_ready


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the name is the secret")
async def test_a_stranger_is_not_heard(lab):
    # A user of no account; whoever runs this test as nobody's superior cannot become one.
    if os.geteuid() != 0:
        pytest.skip("takes root: to send as another user")
    life = await lab.launch(python(*SAY, "os.setuid(54321)", "say('READY=1')", "print('said', flush=True)",
                                   "signal.pause()"), ready=Notified())  # fmt: skip
    # Its main process has become that user, so that is the child's own user: it is heard.
    await life.wait_for(lambda: life.is_ready)
    other = await lab.launch(python("if os.fork(): signal.pause()", *SAY, "os.setuid(54321)", "say('READY=1')",
                                    "signal.pause()"), ready=Notified(), start_timeout=1)  # fmt: skip
    await other.wait_for(lambda: other.has(ReadyFailed))


async def test_who_is_not_expected_to_say_anything_is_not_told_where(lab, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/ours")
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    life = await lab.launch(python("print([name for name in os.environ if name.startswith(('NOTIFY', 'WATCHDOG'))])"))
    await life.wait_exited()
    assert life.stdout == b"[]\n"


async def test_a_variable_of_its_spec_is_its_own(lab, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/ours")
    life = await lab.launch(python("print(os.environ['NOTIFY_SOCKET'])"), env={"NOTIFY_SOCKET": "/run/theirs"})
    await life.wait_exited()
    assert life.stdout == b"/run/theirs\n"


async def test_a_start_that_fails_gives_its_socket_back(lab):
    life = await lab.launch(["/nowhere/at/all"], ready=Notified())
    assert life.refusal  # that no descriptor is left, every test here sees


async def test_no_room_for_a_socket_is_no_fault_of_the_child(lab, monkeypatch):
    def full(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Notifier, "open", full)
    life = await lab.launch(SLEEPS, ready=Notified())
    assert str(life.refusal.refusal) == "capacity"
    assert life.refusal.why.endswith("Too many open files")


@pytest.mark.parametrize("epoll", [True, False])
async def test_a_beat_is_noted_and_costs_no_fact(epoll):
    tuning = Tuning(epoll=epoll, guardian="none")
    async with LocalLauncher(tuning=tuning).open() as opened:
        life = await Lab(opened).launch(says("READY=1", "WATCHDOG=1"), ready=Notified())
        await life.wait_for(lambda: life.is_ready)
        heard = request_of(life).notify.heard
        await until(lambda: heard.last_beat is not None)
        assert (heard.last_beat or math.inf) <= trio.current_time()
        assert not remarks(life)


async def test_who_asks_to_be_taken_for_hung_is_noted():
    heard = Notifications("@x", print)
    calls = []
    heard.when_triggered = lambda: calls.append("now")
    heard.hear(b"WATCHDOG=trigger")
    assert heard.triggered
    assert calls == ["now"]


def test_nonsense_is_passed_over():
    facts = []

    async def main():
        heard = Notifications("@x", facts.append)
        for data in (
            b"",
            b"\n\n",
            b"=",
            b"\xff\xfe",
            b"EXTEND_TIMEOUT_USEC=-1",
            b"EXTEND_TIMEOUT_USEC=1e9",
            b"WATCHDOG=2",
        ):
            heard.hear(data)
        heard.hear(b"STATUS=\xff" + b"x" * 5000)
        assert heard.last_beat is None
        assert not heard.ready.is_set()

    trio.run(main)
    (said,) = facts
    assert said.text.startswith("\N{REPLACEMENT CHARACTER}x")
    assert len(said.text) == 1000


async def test_where_names_are_files_they_are_gone_afterwards():
    reactor = make_reactor(Tuning())
    notifier = Notifier(reactor, with_epoll=False, is_named=True)
    facts = []
    socket_ = notifier.open(facts.append)
    address = socket_.heard.address
    assert len(address) < 104  # what macOS has room for
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as teller:
        teller.connect(address)
        socket_.begin(os.getpid(), is_prompt=True)
        teller.send(b"STATUS=here")
        socket_.read()
    assert facts == [Remark("here")]
    socket_.close()
    assert not is_there(address)
    notifier.close()
    assert not is_there(os.path.dirname(address))
    reactor.close()


async def test_much_is_heard_after_it_is_ready(lab):
    # More than its queue holds: it has to wait for us, and gets on.
    life = await lab.launch(says("READY=1", *(f"STATUS={number}" for number in range(50))), ready=Notified())
    await life.wait_for(lambda: Remark("49") in life.facts)
    assert [fact.text for fact in remarks(life)] == [str(number) for number in range(50)]


async def test_a_child_of_the_gallery_has_no_socket(lab):
    life = await lab.launch(children.sleeps())
    assert request_of(life).notify is None
    assert Ready() in life.facts
