"""In a pid namespace with hardly any process ids, where each is soon another's: nobody else may be hit.

    unshare --pid --fork --mount-proc python -m tests.guardian.crowded STARTS GUARDIAN ...

Strangers come and go all the time. Exits with 0 if none of them was ended by a signal.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.guardian.client import open_client
from tests.guardian.hostile import command

from regrow._edge.guardian import wire
from regrow._edge.guardian.records import Launched

FEW = 400
KINDS = ("plain", "session", "daemon", "leaver", "daemon leaver", "member")


def be_strangers() -> None:
    """Until told to stop; then exit with 1 if anybody was hit."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
    while not stopped:
        strangers = [subprocess.Popen(["sleep", "0.02"], start_new_session=True) for _ in range(30)]
        codes = [stranger.wait() for stranger in strangers]
        if any(codes):
            os._exit(1)
    os._exit(0)


def crowd(starts: int, guardian: Sequence[str]) -> int:
    Path("/proc/sys/kernel/pid_max").write_text(str(FEW))
    strangers = os.fork()
    if strangers == 0:
        be_strangers()
    with open_client(guardian) as client:
        for number in range(starts):
            kind = KINDS[number % len(KINDS)]
            child = client.start(*command(kind, "3600.1"))
            assert isinstance(client.launched(child), Launched)
            client.signal(child, signal.SIGTERM, wire.To(number % 3))
            client.send(wire.kill(child))
            client.gone(child)
            client.told.clear()
    os.kill(strangers, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(strangers, 0)[1])


if __name__ == "__main__":
    sys.exit(crowd(int(sys.argv[1]), sys.argv[2:]))
