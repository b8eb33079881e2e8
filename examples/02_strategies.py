"""The strategies side by side: b dies; who is stopped because of that, and who is started, in which order?

Run it in one of two ways:

    python examples/02_strategies.py        prints a table
    regrow run examples/02_strategies.py    runs the three under rest_for_one: kill one with `kill -9`
"""

import sys

import trio

from regrow import ChildSpec, Strategy, SupervisorHandle, SupervisorSpec, open_supervisor
from regrow.events import ChildReady, ChildStarted, ChildStopping

SLEEP = [sys.executable, "-c", "import time; time.sleep(3600)"]


def tree(strategy: Strategy = Strategy.REST_FOR_ONE) -> SupervisorSpec:
    children = [ChildSpec(name=name, command=SLEEP) for name in ("a", "b", "c")]
    return SupervisorSpec(name="app", strategy=strategy, children=children)


async def kill_b(supervisor: SupervisorHandle) -> tuple[list[str], list[str]]:
    """Kill it, and watch until all are back: who was stopped, and who was started."""
    stopped: list[str] = []
    started: list[str] = []
    away = {"b"}
    events = supervisor.events()  # from now on
    supervisor.child("b").signal("SIGKILL")
    async for event in events:
        match event:
            case ChildStopping(path):
                stopped.append(path)
                away.add(path)
            case ChildStarted(path):
                started.append(path)
            case ChildReady(path):
                away.remove(path)
                if not away:
                    break
            case _:
                pass
    return stopped, started


async def main() -> None:
    print(f"{'strategy':<14}{'stopped':<12}started")
    for strategy in Strategy:
        async with open_supervisor(tree(strategy)) as supervisor:
            stopped, started = await kill_b(supervisor)
            print(f"{strategy:<14}{', '.join(stopped) or '-':<12}{', '.join(started)}")


if __name__ == "__main__":
    trio.run(main)
