"""A dynamic supervisor as a pool of workers. One of them dies over its job; it comes back, and the job is done again.

Run it:

    python examples/03_worker_pool.py
"""

import sys
from pathlib import Path

import trio

from regrow import ChildHandle, ChildSpec, DynamicSpec, Stop, SupervisorHandle, open_supervisor
from regrow.events import ChildExited, ChildOutput
from regrow.exceptions import IoError
from regrow.stopping import CloseStdin

pool = DynamicSpec(
    name="pool",
    max_children=3,
    template=ChildSpec(
        name="worker",
        command=[sys.executable, Path(__file__).parent / "programs" / "square.py"],
        stdin="pipe",
        output="events",
        stop=Stop(steps=[CloseStdin()]),  # it ends by itself when there is nothing more to read
    ),
)


async def ask(supervisor: SupervisorHandle, worker: ChildHandle, number: int) -> str | None:
    """The worker's answer; `None`: it died instead."""
    events = supervisor.events()  # from now on
    try:
        await worker.write_stdin(f"{number}\n".encode())
    except IoError:  # it was dead already
        return None
    async for event in events:
        match event:
            case ChildOutput(path, line=answer) if path == worker.path:
                return answer
            case ChildExited(path, exit=exit) if path == worker.path:
                print(f"{path} {exit.describe()} over {number}")
                return None
            case _:
                pass
    return None


async def work(supervisor: SupervisorHandle, numbers: trio.MemoryReceiveChannel[int], squares: dict[int, str]) -> None:
    """Start a worker, and give it one number after the other."""
    worker = await supervisor.start_child()  # from the template
    assert isinstance(worker, ChildHandle)
    async for number in numbers:
        while (square := await ask(supervisor, worker, number)) is None:
            await worker.wait_ready()  # the supervisor has brought it back
            print(f"{worker.path} is back (incarnation {worker.status().incarnation}) and does {number} again")
        squares[number] = square


async def main() -> None:
    send, receive = trio.open_memory_channel[int](20)
    for number in range(1, 21):
        send.send_nowait(number)
    send.close()
    squares: dict[int, str] = {}
    async with open_supervisor(pool) as supervisor, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(work, supervisor, receive, squares)
    print("squares:", ", ".join(squares[number] for number in sorted(squares)))


if __name__ == "__main__":
    trio.run(main)
