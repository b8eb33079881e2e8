"""Programs with descendants: in the group of the main process, outside of it, stopped, or born late."""

from __future__ import annotations

import os
import sys
import time

assert sys.platform != "win32"

TYPE_CHECKING = False  # `typing` alone would double the time that a program takes to start
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from typing import NoReturn
else:
    import _signal as signal  # what `signal` is made of, without the enums that take as long as all the rest

_SLEEP = "import sys, time; time.sleep(float(sys.argv[1]))"


def _leaves(kind: str, stays: str, lasts: str) -> None:
    # Before the fork, so that the member ignores it from its first moment on.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    member = _MEMBERS[kind](float(lasts))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _say(f"member {member}\n")
    if int(stays):
        _sleeps()


def _leaves_when_terminated() -> None:
    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _say(f"member {_in_session(3600.0)}\n")
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    _say("armed\n")
    _sleeps()


def _in_group(lasts: float) -> int:
    member = os.fork()
    if member == 0:
        _let_go()
        _sleep(lasts)
    return member


def _in_session(lasts: float) -> int:
    reading, writing = os.pipe()
    member = os.fork()
    if member == 0:
        os.setsid()
        _let_go()
        os.write(writing, b".")
        os.close(writing)
        _sleep(lasts)
    os.close(writing)
    os.read(reading, 1)  # until it has left our group
    os.close(reading)
    return member


def _daemon(lasts: float) -> int:
    """Forked twice, in a session of its own, with another program and an empty environment."""
    reading, writing = os.pipe()
    if (between := os.fork()) == 0:
        os.setsid()
        if os.fork() == 0:
            _let_go()
            os.write(writing, f"{os.getpid()}\n".encode())
            os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", _SLEEP, str(lasts)], {})
        os._exit(0)
    os.close(writing)
    os.waitpid(between, 0)
    member = b""
    while data := os.read(reading, 100):  # its end comes with the other program
        member += data
    return int(member)


def _stopped(lasts: float) -> int:
    member = os.fork()
    if member == 0:
        os.setsid()
        _let_go()
        os.kill(os.getpid(), signal.SIGSTOP)
        _sleep(lasts)
    os.waitpid(member, os.WUNTRACED)
    return member


def _holds_output(seconds: str) -> None:
    if os.fork() == 0:
        import select  # noqa: PLC0415  to start fast

        os.setsid()
        select.select([0], [], [], float(seconds))


def _tells_signals(*names: str) -> None:
    """The main process, one of its group, and one with a session of its own."""
    numbers = {getattr(signal, name): name for name in names}
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    members = [_listener(who, numbers) for who in ("group", "session")]
    _say(f"armed {members[0]} {members[1]}\n")
    _tell("main", numbers)


def _listener(who: str, numbers: dict[int, str]) -> int:
    reading, writing = os.pipe()
    member = os.fork()
    if member == 0:
        if who == "session":
            os.setsid()
        os.close(writing)
        _tell(who, numbers)
    os.close(writing)
    os.read(reading, 1)  # until it listens
    os.close(reading)
    return member


def _tell(who: str, numbers: dict[int, str]) -> NoReturn:
    """Say what comes. Not by handlers: one that comes just before a sleep would be told when that is over."""
    while True:
        _say(f"{who} {numbers[signal.sigwait(numbers)]}\n")


def _let_go() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for file in range(3):
        os.dup2(null, file)


def _sleep(seconds: float) -> NoReturn:
    time.sleep(seconds)
    os._exit(0)


def _sleeps() -> NoReturn:
    while True:
        time.sleep(3600)


def _say(text: str) -> None:
    os.write(1, text.encode())


_MEMBERS: dict[str, Callable[[float], int]] = {
    "group": _in_group,
    "session": _in_session,
    "daemon": _daemon,
    "stopped": _stopped,
}

_PROGRAMS: dict[str, Callable[..., object]] = {
    "leaves": _leaves,
    "leaves_when_terminated": _leaves_when_terminated,
    "holds_output": _holds_output,
    "tells_signals": _tells_signals,
}

if __name__ == "__main__":
    _PROGRAMS[sys.argv[1]](*sys.argv[2:])
