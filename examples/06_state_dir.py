"""A state directory: two supervisors never run one tree, and what survives a kill is ended before the next one starts.

Run it:

    python examples/06_state_dir.py
"""

import subprocess
import sys
from tempfile import TemporaryDirectory

import trio

from regrow import ChildSpec, SupervisorSpec, open_supervisor
from regrow.events import SupervisorStarted, SurvivorEnded
from regrow.exceptions import StateDirInUseError

app = SupervisorSpec(
    name="app",
    children=[ChildSpec(name="worker", command=["sleep", "1000"], output="discard")],
)


async def supervise(state: str) -> None:
    """Be the first supervisor, in a process of its own, until it is killed."""
    async with open_supervisor(app, state_dir=state, sinks=[]):
        print("ready", flush=True)
        await trio.sleep_forever()


async def be_second(state: str) -> None:
    """Try to run the same tree beside it."""
    try:
        async with open_supervisor(app, state_dir=state, sinks=[]):
            print("there are two of them")
    except StateDirInUseError as error:
        print(f"the second is refused: the first is process {error.pid}")


async def succeed(state: str) -> None:
    """Be the next supervisor: what has survived the first one is gone when this one begins to start anything."""
    ended = 0
    async with open_supervisor(app, state_dir=state, sinks=[]) as supervisor:
        async for event in supervisor.events(start=1):
            ended += isinstance(event, SurvivorEnded)
            if isinstance(event, SupervisorStarted):
                break
        print(f"ended before the start: {ended}")  # 0 where guardians have ended all of it at once, as on Linux
        print("the worker runs:", supervisor.status()["worker"].state)


def main() -> None:
    with TemporaryDirectory() as folder:
        state = f"{folder}/state"
        with subprocess.Popen([sys.executable, __file__, state], stdout=subprocess.PIPE) as first:
            assert first.stdout is not None
            first.stdout.readline()
            trio.run(be_second, state)
            first.kill()
        trio.run(succeed, state)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        trio.run(supervise, sys.argv[1])
    else:
        main()
