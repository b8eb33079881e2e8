"""Trees of real processes: what the README promises."""

from __future__ import annotations

import os
import random
import signal
import socket
import stat

import psutil
import pytest
import trio
from tests.actors.helpers import brief, until
from tests.actors.test_cancel import CancelAt

from regrow import ChildSpec, StartFailedError, SupervisorSpec, TooManyRestartsError, open_supervisor
from regrow.events import ChildStarted
from regrow.readiness import Calls, Completes, TcpPort
from regrow.stopping import CloseStdin, Stop
from regrow.testing import children

BOUND = 30


def child(name: str, command: list[str] | None = None, **settings) -> ChildSpec:
    return ChildSpec(
        **{"name": name, "command": command or children.sleeps(), "backoff": None, "output": "discard", **settings}
    )


def tree(*specs, **settings) -> SupervisorSpec:
    return SupervisorSpec(
        **{"name": "app", "children": [child(s) if isinstance(s, str) else s for s in specs], **settings}
    )


@pytest.mark.parametrize(
    ("strategy", "restarted"),
    [("one_for_one", ["b"]), ("rest_for_one", ["b", "c"]), ("one_for_all", ["a", "b", "c"])],
)
async def test_sigkill_of_a_child_restarts_exactly_whom_the_strategy_says_in_order(strategy, restarted):
    events = []
    with trio.fail_after(BOUND):
        async with open_supervisor(tree("a", "b", "c", strategy=strategy), sinks=[events.append]) as supervisor:
            before = {status.name: status for status in supervisor.status().children}
            events.clear()
            os.kill(before["b"].pid, signal.SIGKILL)
            await until(supervisor, lambda: [e.path for e in events if isinstance(e, ChildStarted)] == restarted)
            await supervisor[restarted[-1]].wait_ready()
            after = {status.name: status for status in supervisor.status().children}
    assert {name for name in "abc" if before[name].pid != after[name].pid} == set(restarted)
    assert after["b"].last_exit.signal == "SIGKILL"
    assert all(after[name].incarnation == 2 for name in restarted)


async def test_the_budget_runs_out_when_it_says_and_names_the_culprit_with_its_last_words():
    bad = child("bad", children.prints(["I am the culprit"], "stderr", 7))
    with trio.fail_after(BOUND), pytest.raises(ExceptionGroup) as caught:
        async with open_supervisor(tree("good", bad, max_restarts=4), sinks=[]) as supervisor:
            await trio.sleep_forever()
    (error,) = caught.value.exceptions
    assert isinstance(error, TooManyRestartsError)
    assert (error.culprit, error.exit.code, len(error.restarts)) == ("bad", 7, 4)
    assert "I am the culprit" in str(caught.value)
    assert supervisor.statistics().launches == 1 + 5


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: [str(path / "missing")], "missing"),
        (lambda path: ["no-such-program-anywhere"], "no-such-program-anywhere"),
        (lambda path: [_file(path, stat.S_IRUSR)], "not executable"),
        (lambda path: [_file(path, stat.S_IRWXU)], "ormat"),
        (lambda path: children.exits(3), "exit code 3"),
        (lambda path: children.dies_of("SIGSEGV"), "SIGSEGV"),
    ],
)
async def test_what_cannot_start_is_a_clear_error_at_once(tmp_path, make, words):
    ready = Calls(lambda: False)
    with trio.fail_after(BOUND), pytest.raises(ExceptionGroup) as caught:
        async with open_supervisor(tree("a", child("b", make(tmp_path), ready=ready)), sinks=[]):
            pytest.fail("the body must not run")
    (error,) = caught.value.exceptions
    assert isinstance(error, StartFailedError)
    assert error.path == "b"
    assert words in str(caught.value)


def _file(path, mode: int) -> str:
    """A file that is no program."""
    file = path / "file"
    file.write_bytes(b"\x00\x01 no program")
    file.chmod(mode)
    return str(file)


async def test_a_missing_directory_is_named(tmp_path):
    missing = tmp_path / "nowhere"
    with pytest.raises(ExceptionGroup, match="nowhere"):
        async with open_supervisor(tree(child("a", cwd=missing)), sinks=[]):
            pytest.fail("the body must not run")


async def test_ten_megabytes_before_it_dies_cost_neither_a_hang_nor_a_line_of_the_tail():
    command = children.floods(10_000_000, "stderr", 9)
    with trio.fail_after(BOUND), pytest.raises(ExceptionGroup) as caught:
        async with open_supervisor(tree(child("loud", command, ready=Completes())), sinks=[]):
            pytest.fail("the body must not run")
    error = caught.value.exceptions[0]
    assert isinstance(error, StartFailedError)
    assert error.exit.code == 9
    whole = children.flood(10_000_000).decode().splitlines()
    assert list(error.exit.tail) == whole[-20:]


async def test_a_thousand_children_come_lose_a_tenth_come_back_and_go():
    sleepers = [child(f"c{number}", ["/bin/sleep", "1000"], stop="kill") for number in range(1000)]
    spec = tree(*sleepers, order="together", max_restarts=1000)
    with trio.fail_after(60):
        async with open_supervisor(spec, sinks=[]) as supervisor:
            status = supervisor.status()
            assert len({child.pid for child in status.children}) == 1000
            lost = random.Random(1).sample(status.children, 100)
            for victim in lost:
                os.kill(victim.pid, signal.SIGKILL)
            await until(supervisor, lambda: supervisor.statistics().launches == 1100)
            for victim in lost:
                await supervisor[victim.path].wait_ready()
            assert supervisor.count_children().active == 1000
            pids = [child.pid for child in supervisor.status().children]
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_everything_stops_in_reverse_order_within_its_graces():
    events = []
    stubborn = child("stubborn", children.ignores_sigterm(), stop=0.3, output="events")
    with trio.fail_after(BOUND):
        async with open_supervisor(tree("a", stubborn, "c"), sinks=[events.append]) as supervisor:
            await until(supervisor, lambda: "armed" in supervisor.child("stubborn").output())
            events.clear()
    words = [brief(event) for event in events]
    assert [word for word in words if "stopp" in word] == [
        *["stopping c", "c stopped", "stopping stubborn", "stubborn stopped", "stopping a", "a stopped", ". stopped"],
    ]
    assert next(e.exit.killed for e in events if brief(e) == "stubborn stopped")


async def test_a_server_is_ready_when_it_answers(free_port):
    server = child("web", children.listens(free_port, after=0.1), ready=TcpPort(free_port))
    with trio.fail_after(BOUND):
        async with open_supervisor(tree(server), sinks=[]) as supervisor:
            stream = await trio.open_tcp_stream("127.0.0.1", free_port)
            await stream.aclose()
            assert supervisor.child("web").status().state == "ready"


async def test_input_reaches_the_program_and_closing_it_stops_it_politely():
    closes = Stop(steps=[CloseStdin()])
    echo = child("echo", children.reads_stdin(), stdin="pipe", stop=closes, output="events")
    with trio.fail_after(BOUND):
        async with open_supervisor(tree(echo), sinks=[]) as supervisor:
            handle = supervisor.child("echo")
            await handle.write_stdin(b"hello\n")
            await until(supervisor, lambda: handle.output() == ("hello",))
        exit = handle.status().last_exit
    assert (exit.reason, exit.code, exit.killed) == ("stopped", 0, False)


async def test_children_that_never_stop_printing_make_nobody_deaf():
    """Lines that become events cost time each; four floods of them once kept a restart waiting for ten seconds."""
    loud = [child(f"loud{number}", ["yes"], output="events", stop="kill") for number in range(4)]
    async with open_supervisor(tree(*loud, "quiet"), sinks=[]) as supervisor:
        with trio.fail_after(5):
            await supervisor["quiet"].restart()


async def test_the_environment_says_who_it_is():
    names = ["REGROW_PATH", "REGROW_INCARNATION", "MINE"]
    shows = child("shows", children.prints_environment(names), env={"MINE": "yes"}, ready=Completes())
    inner = SupervisorSpec(name="inner", children=[shows])
    async with open_supervisor(tree(inner), sinks=[]) as supervisor:
        text = "\n".join(supervisor.child("inner/shows").output())
    assert "inner/shows" in text
    assert "yes" in text


async def test_cancelling_at_every_step_of_a_real_life_leaves_nothing():
    """How many steps there are differs from run to run: the first step that a life does not reach is the end."""
    step = 1
    while await trio.to_thread.run_sync(_run_cancelled, step):
        step += 1
    assert step > 50


def _run_cancelled(step: int) -> bool:
    async def main() -> bool:
        with trio.CancelScope() as scope:
            instrument = CancelAt(step, scope)
            trio.lowlevel.add_instrument(instrument)
            await _live()
        trio.lowlevel.remove_instrument(instrument)
        assert not _our_children(), f"left behind when cancelled at step {step}"
        return instrument.left <= 0

    return trio.run(main)


async def _live() -> None:
    """Boot, a crash, a group restart, an end."""
    sleepers = [child(name, ["/bin/sleep", "1000"]) for name in "abc"]
    async with open_supervisor(tree(*sleepers, strategy="one_for_all"), sinks=[]) as supervisor:
        supervisor.child("b").signal("KILL")
        await until(supervisor, lambda: supervisor.child("c").status().incarnation == 2)
        await supervisor["c"].wait_ready()


def _our_children() -> list[psutil.Process]:
    return [process for process in psutil.Process().children() if process.name() == "sleep"]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
