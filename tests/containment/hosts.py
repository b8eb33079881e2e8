"""An application that has children of its own, in every way that Python knows, beside a tree in a storm of restarts.

SIGCHLD says what the application does with that signal: `default`, `handled` or `ignored`. Prints one line of JSON: how
its own children have ended, as it was told, and how those of the tree have. It is not run by `python -m`, because then
each process of multiprocessing would import all of this, too.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import trio
from tests.containment.layers import launcher

from regrow import ChildSpec, SupervisorSpec, open_supervisor
from regrow.events import ChildExited

CODES = [1, 2, 3, 4]


def sh(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


# -- children of the application, each of which exits with its code: what it is told of their ends ---------------------


def by_subprocess() -> list[int | None]:
    return [subprocess.run(sh(f"exit {code}")).returncode for code in CODES]


def by_subprocess_at_once() -> list[int | None]:
    processes = [subprocess.Popen(sh(f"exit {code}")) for code in CODES]
    return [process.wait() for process in processes]


def by_asyncio() -> list[int | None]:
    async def run(code: int) -> int | None:
        return await (await asyncio.create_subprocess_exec(*sh(f"exit {code}"))).wait()

    async def run_all() -> list[int | None]:
        return await asyncio.gather(*[run(code) for code in CODES])

    return asyncio.run(run_all())


def by_multiprocessing(method: str) -> list[int | None]:
    context: Any = multiprocessing.get_context(method)
    processes = [context.Process(target=os._exit, args=(code,)) for code in CODES]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def by_waiting_for_anybody() -> list[int | None]:
    """As a small init would do it: whoever dies is collected, one's own or not."""
    own = {os.posix_spawn("/bin/sh", sh(f"exit {code}"), os.environ): code for code in CODES}
    told: dict[int, int] = {}
    try:
        while own.keys() - told.keys():
            pid, status = os.waitpid(-1, 0)
            told[pid] = os.waitstatus_to_exitcode(status)
    except ChildProcessError:
        pass
    return [told.get(pid) for pid in own]


WAYS: dict[str, Callable[[], list[int | None]]] = {
    "subprocess": by_subprocess,
    "subprocess, at once": by_subprocess_at_once,
    "asyncio": by_asyncio,
    "fork": lambda: by_multiprocessing("fork"),
    "spawn": lambda: by_multiprocessing("spawn"),
    "forkserver": lambda: by_multiprocessing("forkserver"),
    "waitpid(-1)": by_waiting_for_anybody,
}


# -- the application ---------------------------------------------------------------------------------------------------


def storm() -> SupervisorSpec:
    """One that exits again and again, one that is killed again and again, and one that stays."""
    scripts = {"exits": "exit 7", "killed": "kill -KILL $$", "stays": "exec sleep 1000"}
    children = [
        ChildSpec(name=name, command=sh(script), backoff=None, output="discard") for name, script in scripts.items()
    ]
    return SupervisorSpec(name="app", children=children, max_restarts=1_000_000)


def ways_with(sigchld: str) -> list[str]:
    """Who works with that. If the kernel collects the dead, nobody else can wait for anybody to die."""
    return [name for name in WAYS if sigchld != "ignored" or name != "waitpid(-1)"]


async def live(layer: str, sigchld: str) -> dict[str, object]:
    exits: list[ChildExited] = []
    theirs = {}

    def hear(event: object) -> None:
        if isinstance(event, ChildExited) and event.path != "stays":
            exits.append(event)

    async with open_supervisor(storm(), launcher=launcher(layer), sinks=[hear]) as supervisor:
        for name in ways_with(sigchld):
            theirs[name] = await trio.to_thread.run_sync(WAYS[name])
        stays = supervisor["stays"].status()
    ours = {(event.path, event.exit.code, event.exit.signal) for event in exits if event.exit.reason != "stopped"}
    return {"theirs": theirs, "ours": sorted(ours, key=str), "count": len(exits), "stays": stays.incarnation}


def main(layer: str, sigchld: str) -> None:
    heard: list[int] = []
    ways = {"default": signal.SIG_DFL, "handled": lambda number, frame: heard.append(number), "ignored": signal.SIG_IGN}
    signal.signal(signal.SIGCHLD, ways[sigchld])
    result = trio.run(live, layer, sigchld)
    is_untouched = signal.getsignal(signal.SIGCHLD) == ways[sigchld]
    print(json.dumps({**result, "is untouched": is_untouched, "heard": len(heard)}))
