"""A tree inside an application: what goes wrong travels up, and comes out as an exception with the whole story.

Run it:

    python examples/04_embedded.py
"""

import logging
import sys

import trio

from regrow import Backoff, ChildSpec, SupervisorSpec, TooManyRestartsError, open_supervisor

FAILS = [sys.executable, "-c", "import sys; sys.exit('no licence found')"]
SLEEPS = [sys.executable, "-c", "import time; time.sleep(3600)"]

tree = SupervisorSpec(
    name="app",
    max_restarts=1,
    children=[
        ChildSpec(name="db", command=SLEEPS),
        SupervisorSpec(
            name="workers",
            max_restarts=2,
            children=[
                ChildSpec(name="good", command=SLEEPS),
                ChildSpec(name="bad", command=FAILS, backoff=Backoff(initial=0.05)),
            ],
        ),
    ],
)


async def application() -> None:
    """Our own work, for as long as the tree lives."""
    try:
        while True:
            print("application: at work", flush=True)
            await trio.sleep(0.2)
    except trio.Cancelled:
        print("application: cancelled, because the tree has ended", flush=True)
        raise


async def main() -> None:
    try:
        async with open_supervisor(tree):
            await application()
    except* TooManyRestartsError as group:
        for error in group.exceptions:
            print(f"\nthe story: {error}\n")
    print("application: goes on without it")


if __name__ == "__main__":
    # regrow logs through structlog if the application has set that up, and else through logging, as `regrow`.
    logging.basicConfig(level=logging.WARNING, format="log: %(message)s %(path)s", stream=sys.stdout)
    trio.run(main)
