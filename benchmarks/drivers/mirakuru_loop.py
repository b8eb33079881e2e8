"""Children as mirakuru keeps them: started, and stopped one after the other. It restarts nothing.

mirakuru_loop.py COUNT PROGRAM ARGUMENT...
"""

from __future__ import annotations

import sys
from contextlib import suppress

from control import Control
from mirakuru import SimpleExecutor
from mirakuru.exceptions import ProcessFinishedWithError

GRACE = 1.0


def main(control: Control) -> None:
    """Keep so many."""
    count, command = int(sys.argv[1]), sys.argv[2:]
    control.say(b"r")
    control.wait(b"l")
    executors = [SimpleExecutor(command, timeout=GRACE) for _ in range(count)]
    control.say(b"r")
    control.wait(b"g")
    for executor in executors:
        executor.start()
    control.wait(b"s")
    for executor in executors:
        with suppress(ProcessFinishedWithError):  # it had to be killed
            executor.stop()
    control.say(b"d")


if __name__ == "__main__":
    main(Control())
