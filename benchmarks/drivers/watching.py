"""What it costs to watch children, as JSON: CPU of the supervising process, as a share of a core.

    watching.py LEVEL COUNT SECONDS BEATER PROGRAM ARGUMENT...

`beats`: each child says once a second that it is alive. `silent`: each is watched, and none says anything for hours.
`limits`: each has limits of memory, CPU and age, so that a sample of it is taken once a second.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import attrs
import trio
from level import launcher
from trees import tree

from regrow import HangPolicy, open_supervisor
from regrow.activity import Heartbeat
from regrow.limits import RestartAbove

WARM_UP = 3.0
HOURS = 10_000.0
LIMITS = (RestartAbove(memory="1G"), RestartAbove(cpu=0.9, for_=60), RestartAbove(age=HOURS))


@attrs.frozen
class Crowd:
    """Children that are watched."""

    level: str
    size: int
    seconds: float

    async def share(self, command: list[str], **watched: Any) -> float:
        """The share of a core that it takes, while each runs *command* and has the fields *watched*."""
        spec = tree(self.size, command, "kill")
        children = [attrs.evolve(child, **watched) for child in spec.children]
        async with open_supervisor(attrs.evolve(spec, children=children), launcher=launcher(self.level), sinks=[]):
            await trio.sleep(WARM_UP)
            before = time.process_time()
            await trio.sleep(self.seconds)
            return (time.process_time() - before) / self.seconds


async def measure(crowd: Crowd, beater: str, command: list[str]) -> dict[str, float]:
    """The share of a core in each case."""
    beats = HangPolicy(warn_after=10.0, terminate_after=15.0, activity=Heartbeat())
    silent = HangPolicy(warn_after=HOURS, activity=Heartbeat())
    return {
        "beats": await crowd.share([beater], hang=beats),
        "silent": await crowd.share(command, hang=silent),
        "limits": await crowd.share(command, limits=LIMITS),
    }


if __name__ == "__main__":
    _, level, size, seconds, beater, *command = sys.argv
    crowd = Crowd(level, int(size), float(seconds))
    print(json.dumps(trio.run(measure, crowd, beater, command)))
