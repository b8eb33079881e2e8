"""Three workers: one works, one hangs and is restarted, one only seems to hang.

Run it:

    python examples/08_watchdog.py
"""

import sys
from pathlib import Path

import trio

from regrow import ChildSpec, HangPolicy, SupervisorSpec, open_supervisor
from regrow.activity import AnyOf, CpuProgress, Heartbeat
from regrow.events import ChildActive, ChildExited, ChildHung, Event, HangSuspected

PROGRAM = Path(__file__).parent / "programs" / "beat.py"
BEATS = HangPolicy(warn_after=1, terminate_after=2, kill_after=4, start_grace=1, activity=Heartbeat())
WORKS = HangPolicy(warn_after=1, terminate_after=2, start_grace=1, activity=AnyOf(Heartbeat(), CpuProgress()))


def worker(name: str, does: str, hang: HangPolicy) -> ChildSpec:
    command = [sys.executable, str(PROGRAM), does]
    return ChildSpec(name=name, command=command, hang=hang, backoff=None, output="discard")


app = SupervisorSpec(
    name="app",
    order="together",
    children=[
        worker("well", "beats", BEATS),
        worker("ill", "hangs", BEATS),
        worker("busy", "computes", WORKS),  # it forgets to beat, but it uses the CPU
    ],
)


def tell(event: Event) -> None:
    """Say what the watchdog does."""
    match event:
        case HangSuspected(path, source=source):
            print(f"{path} seems to hang; the last sign of life was its {source}")
        case ChildActive(path):
            print(f"{path} shows signs of life again")
        case ChildHung(path, evidence=evidence) if evidence is not None:
            where = [line.strip() for line in evidence.stack.splitlines() if "in wait_for_ever" in line]
            print(f"{path} hangs: {evidence.state}, {'at ' + where[0] if where else 'where, nobody knows'}")
        case ChildExited(path, exit=exit):
            print(f"{path} has ended: {exit.reason}")
        case _:
            pass


async def main() -> None:
    async with open_supervisor(app, sinks=[tell]) as supervisor:
        await supervisor["ill"].wait_exit()
        await supervisor["ill"].wait_ready()
        restarts = {child.name: child.restarts for child in supervisor.status().children}
        print("restarts:", ", ".join(f"{name} {count}" for name, count in restarts.items()))


if __name__ == "__main__":
    trio.run(main)
