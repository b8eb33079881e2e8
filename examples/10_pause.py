"""Batch jobs stand still while something more urgent needs the machine.

Run it:

    python examples/10_pause.py
"""

import sys

import psutil
import trio

from regrow import ChildSpec, SupervisorSpec, open_supervisor

BUSY = [sys.executable, "-c", "while True: pass"]

app = SupervisorSpec(
    name="app",
    children=[
        ChildSpec(name="web", command=["sleep", "1000"]),
        SupervisorSpec(
            name="batch",
            children=[ChildSpec(name="one", command=BUSY), ChildSpec(name="two", command=BUSY)],
        ),
    ],
)


def used(pids: list[int]) -> float:
    """CPU seconds so far."""
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


async def main() -> None:
    async with open_supervisor(app) as supervisor:
        batch = supervisor.supervisor("batch")
        pids = [pid for name in ("one", "two") if (pid := supervisor.child(f"batch/{name}").status().pid)]
        batch.pause()
        while any(psutil.Process(pid).status() != psutil.STATUS_STOPPED for pid in pids):  # noqa: ASYNC110
            await trio.sleep(0.01)  # the order has a way to go
        print("batch is", batch.status().state, "and web is", supervisor.child("web").status().state)

        before = used(pids)
        await trio.sleep(0.5)
        print(f"in half a second the batch jobs used {used(pids) - before:.2f} s of CPU time")

        batch.resume()
        while used(pids) == before:  # noqa: ASYNC110  nobody tells of that
            await trio.sleep(0.01)
        print("batch is", batch.status().state, "again, and at work")


if __name__ == "__main__":
    trio.run(main)
