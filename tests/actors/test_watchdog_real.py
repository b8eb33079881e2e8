"""Real processes that hang: each is judged as its policy says, and nobody who does not is harmed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import trio
from tests.actors.helpers import until
from tests.edge.recorder import python

from regrow import ChildSpec, HangPolicy, SupervisorSpec, open_supervisor
from regrow import events as ev
from regrow.activity import AllOf, AnyOf, Callback, CpuProgress, Heartbeat, IoProgress, Output, Probe
from regrow.readiness import Calls, HttpOk, TcpPort
from regrow.testing import children

assert sys.platform != "win32"

BOUND = 60
BEAT = (
    "import socket",
    "say = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "to = os.environ.get('NOTIFY_SOCKET', '').replace('@', chr(0))",
    "def beat():",
    "    if to: say.sendto(b'WATCHDOG=1', to)",
)


def watched(name: str, command: list[str], hang: HangPolicy, **settings) -> ChildSpec:
    usual = {"restart": "temporary", "output": "discard"}
    return ChildSpec(**{"name": name, "command": command, "hang": hang, **usual, **settings})


def app(*specs: ChildSpec, **settings) -> SupervisorSpec:
    return SupervisorSpec(**{"name": "app", "children": specs, "order": "together", **settings})


async def run(spec: SupervisorSpec, is_over, **settings) -> list[ev.Event]:
    """What happens until *is_over* says so of the events."""
    events: list[ev.Event] = []
    with trio.fail_after(BOUND):
        async with open_supervisor(spec, sinks=[events.append], **settings) as supervisor:
            await until(supervisor, lambda: is_over(events))
            return list(events)


def exits(events) -> dict[str, ev.ChildExited]:
    return {event.path: event for event in events if isinstance(event, ev.ChildExited)}


def moments(events, kind) -> dict[str, float]:
    return {event.path: event.at for event in events if isinstance(event, kind)}


async def test_a_cooperative_one_is_gone_a_moment_after_its_threshold():
    policy = HangPolicy(warn_after=None, terminate_after=0.5, activity=Heartbeat())
    late = []
    for _ in range(5):  # a machine that is busy may be late once
        events = await run(app(watched("w", children.sleeps(), policy)), exits)
        late.append(exits(events)["w"].at - moments(events, ev.ChildReady)["w"] - 0.5)
        assert exits(events)["w"].exit.reason == "hung"
        if late[-1] < 0.05:
            break
    assert 0 <= min(late) < 0.05


async def test_ten_stubborn_ones_are_gone_together():
    grace = 0.5
    policy = HangPolicy(warn_after=0.3, terminate_after=0.6, activity=Heartbeat())
    specs = [watched(f"w{n}", children.ignores_sigterm(), policy, stop=grace) for n in range(10)]
    lates = []
    for _ in range(3):
        events = await run(app(*specs), lambda events: len(exits(events)) == 10)
        gone = exits(events)
        assert {event.exit.reason.value for event in gone.values()} == {"hung"}
        assert all(event.exit.killed for event in gone.values())
        hung = [event.at for event in events if isinstance(event, ev.ChildHung) and event.step == "terminate"]
        lates.append(max(event.at for event in gone.values()) - min(hung) - grace)
        if lates[-1] < 0.2:
            break
    assert min(lates) < 0.2


async def test_their_number_makes_no_difference_to_one_that_is_well():
    policy = HangPolicy(warn_after=0.3, terminate_after=0.5, activity=Heartbeat())
    well = watched("well", children.beats(0.02), HangPolicy(warn_after=None, terminate_after=20, activity=Heartbeat()))
    ill = [watched(f"w{n}", children.ignores_sigterm(), policy, stop=0.2) for n in range(5)]
    events = await run(app(well, *ill), lambda events: len(exits(events)) == 5)
    assert "well" not in exits(events)


LOCKED = python(
    "import threading", "print('up', flush=True)", "lock = threading.Lock()", "lock.acquire()", "lock.acquire()"
)
PRINTS = python("while True: os.write(1, b'busy')")
HELPED = python(
    *BEAT,
    "import threading, time",
    "def helper():",
    "    while True: beat(); time.sleep(0.05)",
    "threading.Thread(target=helper, daemon=True).start()",
    "signal.pause()",
)
STOPS = python("os.kill(os.getpid(), signal.SIGSTOP)")
WORKS = python(*BEAT, "while True: beat(); sum(range(100_000)); print('x', flush=True)")

SPINS = python("while True: pass")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def stopped_server(port: int) -> list[str]:
    listen = f"server = socket.create_server(('127.0.0.1', {port}))"
    return python("import socket", listen, "os.kill(os.getpid(), signal.SIGSTOP)")


PORT, OTHER = free_port(), free_port()
SERVES, SERVES_TOO = stopped_server(PORT), stopped_server(OTHER)

CASES = {
    "stopped: no I/O": (STOPS, IoProgress(), True),
    "stopped: the kernel accepts its connections": (SERVES, Probe(TcpPort(PORT)), False),
    "stopped: it does not answer": (SERVES_TOO, Probe(HttpOk(f"http://127.0.0.1:{OTHER}/"), timeout=0.3), True),
    "blocked on a lock: I/O": (LOCKED, IoProgress(), True),
    "a busy loop: heartbeat": (SPINS, Heartbeat(), True),
    "a busy loop: output": (SPINS, Output(), True),
    "a busy loop: CPU is fooled": (SPINS, CpuProgress(), False),
    "a busy loop: I/O": (SPINS, IoProgress(), True),
    "a busy loop that prints: I/O is fooled": (PRINTS, IoProgress(), False),
    "a helper thread beats: no I/O": (HELPED, IoProgress(), True),
    "stopped: no heartbeat": (STOPS, Heartbeat(), True),
    "stopped: no output": (STOPS, Output(), True),
    "stopped: no CPU": (STOPS, CpuProgress(), True),
    "a busy loop that prints: heartbeat": (PRINTS, Heartbeat(), True),
    "a busy loop that prints: output is fooled": (PRINTS, Output(), False),
    "a busy loop that prints: CPU is fooled": (PRINTS, CpuProgress(), False),
    "a busy loop that prints: all of them": (PRINTS, AllOf(Heartbeat(), Output()), True),
    "blocked on a lock: heartbeat": (LOCKED, Heartbeat(), True),
    "blocked on a lock: output": (LOCKED, Output(), True),
    "blocked on a lock: CPU": (LOCKED, CpuProgress(), True),
    "a helper thread beats: heartbeat is fooled": (HELPED, Heartbeat(), False),
    "a helper thread beats: output": (HELPED, Output(), True),
    "a helper thread beats: both must live": (HELPED, AllOf(Heartbeat(), Output()), True),
    "one that works: heartbeat": (WORKS, Heartbeat(), False),
    "one that works: any": (WORKS, AnyOf(Heartbeat(), CpuProgress()), False),
    "one that works: all": (WORKS, AllOf(Heartbeat(), Output(), CpuProgress()), False),
    "a probe that fails": (WORKS, Probe(Calls(lambda: False), timeout=0.1), True),
    "a probe that succeeds": (STOPS, Probe(Calls(lambda: True)), False),
    "a callback that moves": (STOPS, Callback(time.time), False),
    "a callback that does not": (WORKS, Callback(lambda: 7), True),
}


@pytest.mark.skipif(sys.platform != "linux", reason="CPU is counted differently there")
async def test_each_is_judged_as_its_sources_say():
    """All at once, for they take time and not work. Who is not to be ended has as long as the last of the others."""
    names = {f"c{number}": case for number, case in enumerate(CASES)}
    specs = []
    for name, case in names.items():
        command, source, _ = CASES[case]
        hang = HangPolicy(warn_after=None, terminate_after=3.0, kill_after=4.0, activity=source, dump=False)
        specs.append(watched(name, command, hang))
    wanted = {name for name, case in names.items() if CASES[case][2]}
    events = await run(app(*specs), lambda events: wanted <= set(exits(events)))
    ended = {names[path] for path, event in exits(events).items() if event.exit.reason == "hung"}
    assert ended == {names[name] for name in wanted}


FROZEN = """
    import sys
    import trio
    from regrow import ChildSpec, HangPolicy, SupervisorSpec, open_supervisor
    from regrow.activity import Heartbeat, Output
    from regrow.testing import children

    beats = HangPolicy(warn_after=0.9, terminate_after=1.0, activity=Heartbeat())
    prints = HangPolicy(warn_after=0.9, terminate_after=1.0, activity=Output())
    talks = ["sh", "-c", "while sleep 0.1; do echo x; done"]
    spec = SupervisorSpec(name="app", children=[
        *(ChildSpec(name=f"b{n}", command=children.beats(0.1), hang=beats) for n in range(5)),
        *(ChildSpec(name=f"p{n}", command=talks, hang=prints, output="discard") for n in range(5)),
    ])

    def tell(event):
        print(type(event).__name__, flush=True)

    async def main():
        async with open_supervisor(spec, sinks=[tell]):
            print("up", flush=True)
            await trio.to_thread.run_sync(sys.stdin.readline)
            print("so far", flush=True)

    trio.run(main)
"""


def test_a_supervisor_that_was_frozen_kills_nobody_for_it():
    program = [sys.executable, "-c", textwrap.dedent(FROZEN)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != "up":
            assert process.poll() is None
        time.sleep(0.5)
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(2.0)
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(1.5)  # longer than any of its children may be silent
        out, _ = process.communicate("\n", timeout=BOUND)
    told = out.split("so far")[0].split()
    assert "ChildHung" not in told
    assert "ChildExited" not in told
    assert "WatchdogLate" in told


async def test_the_evidence_is_kept_with_the_exit():
    src = str(Path(__file__).parents[2] / "src")
    beginning = (f"sys.path.insert(0, {src!r})", "from regrow import child", "child.dump_on()")
    command = python(*beginning, "def stuck():", "    while True: signal.pause()", "stuck()")
    events = await run(app(watched("w", command, HangPolicy(warn_after=1.0, terminate_after=1.5))), exits)
    evidence = exits(events)["w"].exit.evidence
    assert evidence is not None, exits(events)["w"].exit
    assert "in stuck" in evidence.stack
    assert any("regrow-dump-SIGUSR1" in path for path in evidence.open_files)
    assert [event.evidence for event in events if isinstance(event, ev.ChildHung)] == [evidence]
