"""Children under one supervisor of regrow, restarted without a wait and without an end. What they print is read.

regrow_tree.py LEVEL COUNT PROGRAM ARGUMENT...
"""

from __future__ import annotations

import sys

import trio
from control import Control
from level import launcher
from trees import tree

from regrow import open_supervisor


async def main(control: Control) -> None:
    """Keep so many."""
    level, count, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    control.say(b"r")
    control.wait(b"l")
    spec = tree(count, command)
    control.say(b"r")
    control.wait(b"g")
    async with open_supervisor(spec, launcher=launcher(level), sinks=[]):
        await trio.lowlevel.wait_readable(control.fd)
        control.wait(b"s")
    control.say(b"d")


if __name__ == "__main__":
    trio.run(main, Control())
