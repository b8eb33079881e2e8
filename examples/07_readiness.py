"""When is a server ready? When it says so, has printed so, and answers; and not when somebody else does.

Run it:

    python examples/07_readiness.py
"""

import socket
import sys
from pathlib import Path

import trio

from regrow import ChildSpec, StartFailedError, SupervisorSpec, open_supervisor
from regrow.events import ChildReady, ChildRemarked, ChildWaiting, Event
from regrow.readiness import AllOf, HttpOk, Notified, OutputLine, TcpPort

with socket.create_server(("127.0.0.1", 0)) as free:
    PORT = free.getsockname()[1]

server = ChildSpec(
    name="server",
    command=[sys.executable, Path(__file__).parent / "programs" / "serve.py", str(PORT)],
    ready=AllOf(Notified(), OutputLine("^loaded$"), HttpOk(f"http://127.0.0.1:{PORT}/health", body="^fine$")),
    output="discard",
)
app = SupervisorSpec(name="app", children=[server])
thief = ChildSpec(
    name="thief",
    command=[sys.executable, "-c", "import time; time.sleep(1000)"],
    ready=TcpPort(PORT),  # which is answered, but not by it
    start_timeout=1.0,
)


def tell(event: Event) -> None:
    """Print what is said of a start."""
    match event:
        case ChildWaiting(path, waiting_for=missing):
            print(f"{path} waits for {missing}")
        case ChildRemarked(path, text=text):
            print(f"{path} says: {text}")
        case ChildReady(path):
            print(f"{path} is ready")
        case _:
            pass


async def main() -> None:
    async with open_supervisor(app, sinks=[tell]) as supervisor:
        try:
            await supervisor.start_child(thief)
        except StartFailedError as error:
            print(error)


if __name__ == "__main__":
    trio.run(main)
