"""Children as somebody keeps them who has trio and nothing else: a loop around `trio.run_process` for each.

bare_trio.py COUNT PROGRAM ARGUMENT...
"""

from __future__ import annotations

import subprocess
import sys

import trio
from control import Control

GRACE = 1.0


async def keep(command: list[str]) -> None:
    """Run it, again and again."""
    while True:
        await trio.run_process(
            command, stdout=subprocess.DEVNULL, check=False, deliver_cancel=end, start_new_session=True
        )


async def end(process: trio.Process) -> None:
    """Ask it to end, then kill it."""
    process.terminate()
    await trio.sleep(GRACE)
    process.kill()


async def main(control: Control) -> None:
    """Keep so many."""
    count, command = int(sys.argv[1]), sys.argv[2:]
    control.wait(b"l")
    control.say(b"r")
    control.wait(b"g")
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(keep, command)
        await trio.lowlevel.wait_readable(control.fd)
        control.wait(b"s")
        nursery.cancel_scope.cancel()
    control.say(b"d")


if __name__ == "__main__":
    ours = Control()
    ours.say(b"r")
    trio.run(main, ours)
