"""In a pid namespace with hardly any process ids, where each is soon another's: nobody else may be hit.

    UNSHARE python -m tests.containment.warden python -m tests.containment.crowded FORM OPERATIONS

UNSHARE stands for `unshare --pid --fork --mount-proc`. Children of a tree are killed, restarted and stopped, while
strangers come and go all the time. Prints one line of JSON.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import json
import os
import random
import signal
import subprocess
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

import trio
from tests.edge.forms import FORMS
from tests.guardian.crowded import FEW
from tests.guardian.hostile import command, new_marker

from regrow import ChildSpec, RegrowError, SupervisorHandle, SupervisorSpec, open_supervisor
from regrow._edge.local import LocalLauncher
from regrow.events import ChildStarted, Event

GUARDED = ("plain", "deaf", "session", "daemon", "leaver", "daemon leaver", "member", "stopped")
IN_GROUP = ("plain", "deaf", "leaver", "member", "stopped")  # else numbers of daemons that are left are used up
AT_ONCE = 25  # strangers


def be_strangers(news: Connection) -> None:
    """Until told to stop; then tell who we have been, and how those ended that somebody has hit."""
    been: set[int] = set()
    hit: list[tuple[int, int]] = []
    while not news.poll():
        strangers = [stranger for _ in range(AT_ONCE) if (stranger := be_a_stranger())]
        been |= {stranger.pid for stranger in strangers}
        hit += [(stranger.pid, stranger.returncode) for stranger in strangers if stranger.wait()]
    news.send((been, hit))


def be_a_stranger() -> subprocess.Popen[bytes] | None:
    try:
        return subprocess.Popen(["sleep", "0.01"], start_new_session=True)
    except BlockingIOError:  # no number is free
        return None


async def storm(form: str, operations: int) -> set[int]:
    """Who has been ours."""
    been: set[int] = set()

    def hear(event: Event) -> None:
        if isinstance(event, ChildStarted):
            been.add(event.pid)

    marker = new_marker()
    kinds = IN_GROUP if form.startswith("group") else GUARDED
    children = [
        ChildSpec(name=name.replace(" ", "-"), command=command(name, marker), output="discard", stop=0.02, backoff=None)
        for name in kinds
    ]
    spec = SupervisorSpec(name="app", children=children, max_restarts=1_000_000)
    launcher = LocalLauncher(tuning=FORMS[form])
    async with (
        open_supervisor(spec, launcher=launcher, sinks=[hear]) as supervisor,
        trio.open_nursery() as nursery,
    ):
        for child in children:
            nursery.start_soon(bother, supervisor, child.name, operations)
    return been


async def bother(supervisor: SupervisorHandle, name: str, operations: int) -> None:
    chance = random.Random(name)
    child = supervisor.child(name)
    for _ in range(operations):
        with suppress(RegrowError):  # it is down, or about to be
            match chance.randrange(3):
                case 0:
                    child.signal(chance.choice(("KILL", "TERM")), chance.choice(("main", "group", "tree")))
                case 1:
                    await child.restart()
                case _:
                    await child.stop()
                    await child.start()
        await trio.lowlevel.checkpoint()


def crowd(form: str, operations: int) -> None:
    Path("/proc/sys/kernel/pid_max").write_text(str(FEW))
    with suppress(OSError):  # numbers below 300 are used once only: skip them, where that can be
        Path("/proc/sys/kernel/ns_last_pid").write_text("300")
    ours, theirs = Pipe()
    strangers = os.fork()
    if strangers == 0:
        try:
            be_strangers(theirs)
        finally:
            os._exit(0)
    theirs.close()
    been = trio.run(storm, form, operations)
    ours.send("stop")
    been_theirs, hit = ours.recv()
    os.waitpid(strangers, 0)
    print(json.dumps({"form": form, "launched": len(been), "numbers of both": len(been & been_theirs), "hit": hit}))


if __name__ == "__main__":
    signal.alarm(600)  # a stranger that was stopped is waited for in vain
    crowd(sys.argv[1], int(sys.argv[2]))
