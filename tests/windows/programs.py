"""What the programs of the gallery do on Windows, as the processes of the Windows for tests run them."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import trio
from tests.windows.pipes import Null

from regrow.testing import children

ENDED_BY_NUMBER = 0xE0000000
"""Added to the number of a signal, the exit code of what somebody else has ended: Windows knows no signals."""


def find(application, arguments):
    """The program of a command; `None`: that is none."""
    if application != sys.executable:
        return None
    word, *rest = children.parse(arguments) or ("",)
    program = _PROGRAMS.get(word)
    return None if program is None else partial(program, *rest)


async def sleeps(process):
    await process.sleep()


async def exits(code, after, process):
    await process.sleep(float(after))
    return int(code)


async def dies_of(name, after, process):
    await process.sleep(float(after))
    return ENDED_BY_NUMBER + _number(name)


async def prints(stream, code, *rest):
    *lines, process = rest
    await process.print("".join(f"{line}\n" for line in lines).encode(), stream=_STREAMS[stream])
    if not code:
        await process.sleep()
    return int(code)


async def floods(size, stream, code, process):
    await process.print(children.flood(int(size)), stream=_STREAMS[stream])
    return int(code)


async def ignores_sigterm(process):
    process.on_break = lambda: None
    await process.print(b"armed\n")
    await process.sleep()


async def stops_slowly(seconds, process):
    asked = trio.Event()
    process.on_break = asked.set
    await process.print(b"armed\n")
    await asked.wait()
    await process.sleep(float(seconds))
    return 0


async def listens(port, after, process):
    await process.sleep(float(after))
    with socket.create_server(("127.0.0.1", int(port))):
        await process.print(b"listening\n")
        await process.sleep()


async def reads_stdin(process):
    while data := await process.read():
        await process.print(data)


async def holds_output(seconds, process):
    process.windows.fork(process, _holds, holds_streams=True)


async def _holds(process):
    while await process.read():
        pass


async def leaves(kind, stays, lasts, process):
    member = _leave(process, float(lasts), kind)
    await process.print(f"member {member.pid}\n".encode())
    if int(stays):
        await process.sleep()


async def leaves_when_terminated(process):
    asked = trio.Event()
    process.on_break = asked.set
    await process.print(b"armed\n")
    await asked.wait()
    member = _leave(process, 3600.0, "session")
    await process.print(f"member {member.pid}\n".encode())


def _leave(process, lasts, kind):
    member = process.windows.fork(process, partial(_lasts, lasts))
    if kind != "group":
        member.group = member.pid
    if kind == "stopped":
        member.suspend(1)
    return member


async def _lasts(seconds, process):
    process.on_break = lambda: None
    await process.sleep(seconds)


async def works(seconds, process):
    await process.sleep(float(seconds))
    for job in process.jobs:
        job.user += float(seconds)


async def describes_itself(*rest):
    *words, process = rest
    assert not any(isinstance(stream, Null) for stream in process.streams[1:])
    lines = (f"{word}={'0 1 2' if word == 'descriptors' else '?'}\n" for word in words)
    await process.print("".join(lines).encode())


async def prints_environment(*rest):
    *names, process = rest
    there = process.program.environment
    await process.print("".join(f"{name}={there[name]}\n" for name in names if name in there).encode())


async def sends(name, process):
    """As Python's `os.kill` has it there, which ends the other process."""
    target = int(process.program.environment["REGROW_PID"])
    process.windows.processes[target].terminate(ENDED_BY_NUMBER + _number(name))


def _number(name):
    return signal.Signals[name].value


_STREAMS = {"stdout": 1, "stderr": 2}
_PROGRAMS: dict[str, Callable[..., Any]] = {
    "sleeps": sleeps,
    "exits": exits,
    "dies_of": dies_of,
    "prints": prints,
    "floods": floods,
    "ignores_sigterm": ignores_sigterm,
    "stops_slowly": stops_slowly,
    "listens": listens,
    "reads_stdin": reads_stdin,
    "holds_output": holds_output,
    "leaves": leaves,
    "leaves_when_terminated": leaves_when_terminated,
    "works": works,
    "describes_itself": describes_itself,
    "prints_environment": prints_environment,
    "sends": sends,
}
