"""A worker that leaks is replaced before it does harm: warned of at first, then stopped in order.

Run it:

    python examples/09_limits.py
"""

import sys

import trio

from regrow import ChildSpec, SupervisorSpec, open_supervisor
from regrow.events import ChildExited, HealthChanged, LimitWarned
from regrow.limits import RestartAbove, WarnAbove

LEAKS = """
import time

blocks = []
while True:
    blocks.append(b"x" * 4_000_000)
    time.sleep(0.1)
"""

app = SupervisorSpec(
    name="app",
    children=[
        ChildSpec(
            name="worker",
            command=[sys.executable, "-c", LEAKS],
            limits=[WarnAbove(memory="40M"), RestartAbove(memory="120M")],
        ),
    ],
)


async def main() -> None:
    async with open_supervisor(app) as supervisor:
        async for event in supervisor.events(1):
            match event:
                case LimitWarned(path, limit=limit):
                    print(f"{path}: {limit}")
                case HealthChanged(path, health=health):
                    print(f"{path} is {health}")
                case ChildExited(path, exit=exit):
                    limit_passed, _, _ = exit.why.partition(":")
                    print(f"{path}: {exit.reason}, {limit_passed}")
                    break
                case _:
                    pass
        worker = supervisor["worker"]
        await worker.wait_ready()
        print(f"{worker.path} is back: incarnation {supervisor.child('worker').status().incarnation}")


if __name__ == "__main__":
    trio.run(main)
