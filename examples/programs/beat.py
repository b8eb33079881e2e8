"""A worker that says that it is alive, and works, hangs or computes: for `08_watchdog.py`."""

import sys
import time

from regrow import child


def wait_for_ever() -> None:
    while True:
        time.sleep(1000)


child.dump_on("SIGUSR1")
does = sys.argv[1]
for _ in range(5):
    child.alive()
    time.sleep(0.1)
while does == "beats":
    child.alive()
    time.sleep(0.1)
while does == "computes":
    sum(range(100_000))
wait_for_ever()
