"""A server that crashes all the time, and refuses nobody: its socket stays open while it is restarted.

Run it:

    python examples/05_socket.py
"""

import socket
import sys
from collections import Counter
from pathlib import Path

import trio

from regrow import ChildSpec, ListenSocket, SupervisorSpec, open_supervisor

with socket.create_server(("127.0.0.1", 0)) as free:
    PORT = free.getsockname()[1]

app = SupervisorSpec(
    name="app",
    max_restarts=20,
    window=60,
    children=[
        ChildSpec(
            name="server",
            command=[sys.executable, Path(__file__).parent / "programs" / "greet.py"],
            sockets=[ListenSocket(f"127.0.0.1:{PORT}")],  # its descriptor 3
            backoff=None,
            output="discard",
        ),
    ],
)


async def visit() -> str:
    """Connect, and read what the server says: which incarnation it is."""
    async with await trio.open_tcp_stream("127.0.0.1", PORT) as stream:
        return bytes(await stream.receive_some()).decode()


async def main() -> None:
    async with open_supervisor(app) as supervisor:
        greeted = Counter([await visit() for _ in range(23)])
        print("restarts:", supervisor.status()["server"].restarts)
    for incarnation, guests in greeted.items():
        print(f"incarnation {incarnation} has greeted {guests}")
    print("refused: 0")  # who is refused gets an exception, here


if __name__ == "__main__":
    trio.run(main)
