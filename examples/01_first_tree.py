"""A first tree: a one-shot that prepares a directory, a web server that serves it, and a worker that has its crashes.

Run it in one of two ways:

    regrow run examples/01_first_tree.py    runs until Ctrl-C; kill something with `kill -9` meanwhile
    python examples/01_first_tree.py        asks the server for its page, kills it, and asks again
"""

import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import trio

from regrow import ChildSpec, SupervisorSpec, open_supervisor
from regrow.readiness import Completes, TcpPort

with socket.create_server(("127.0.0.1", 0)) as free:
    PORT = free.getsockname()[1]
PAGE = f"http://127.0.0.1:{PORT}/"
PROGRAMS = Path(__file__).parent / "programs"
FOLDER = TemporaryDirectory(prefix="regrow-")  # removed when this program ends
SITE = f"{FOLDER.name}/site"

app = SupervisorSpec(
    name="app",
    max_restarts=5,  # one more within 10 seconds, and it gives up
    window=10,
    children=[
        ChildSpec(
            name="prepare",
            command=[sys.executable, PROGRAMS / "prepare.py", SITE],
            restart="transient",
            ready=Completes(),  # the next one starts when it has ended well
        ),
        ChildSpec(
            name="web",
            command=[sys.executable, "-u", "-m", "http.server", str(PORT), "--bind", "127.0.0.1", "--directory", SITE],
            ready=TcpPort(PORT),  # the next one starts when it accepts connections
        ),
        ChildSpec(name="worker", command=[sys.executable, PROGRAMS / "worker.py"]),
    ],
)


async def ask_for_page() -> None:
    page = await trio.to_thread.run_sync(lambda: urlopen(PAGE, timeout=5).read().decode())
    print(f"{PAGE} says: {page.strip()}", flush=True)


async def main() -> None:
    async with open_supervisor(app) as supervisor:  # from here on, everything is ready
        web = supervisor.child("web")
        print(f"web is process {web.status().pid}", flush=True)
        await ask_for_page()

        web.signal("SIGKILL")
        how = await web.wait_exit()
        print(f"web {how.describe()}", flush=True)

        await web.wait_ready()  # nobody has to start it
        print(f"web is process {web.status().pid}", flush=True)
        await ask_for_page()
    print("all are gone")


if __name__ == "__main__":
    trio.run(main)
