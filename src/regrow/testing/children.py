"""A gallery of small programs that behave in one certain way, badly for the most part.

Each function returns the command that runs the program of its name: `ChildSpec(name="w", command=children.exits(3))`.
Imported, this is a module like any other. Executed, which is what the commands do, it starts in a few milliseconds: it
imports nothing of regrow, runs without `site`, and imports what only some programs need where they need it.

A program whose behaviour depends on a handler or a descendant says so on its standard output when that is in place
(`armed`, `listening`, `member PID`): wait for it, or the race is yours. `FakeLauncher` understands every command of the
gallery, so one test can be run with fakes and with real processes.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False  # `typing` alone would double the time that a program takes to start
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterable, Sequence
    from typing import NoReturn
else:
    import _signal as signal  # what `signal` is made of, without the enums that take as long as all the rest

_PROGRAM = os.path.abspath(__file__)
_PREFIX = (sys.executable, "-I", "-S", _PROGRAM)
MISSING = f"{os.path.dirname(_PROGRAM)}/no-such-program"
"""A path at which there is nothing: no program, and no directory either."""


# -- the commands ------------------------------------------------------------------------------------------------------


def sleeps() -> list[str]:
    """Sleeps for ever; any signal ends it."""
    return _command("sleeps")


def exits(code: int = 0, after: float = 0.0) -> list[str]:
    """Exits with *code*, *after* some seconds."""
    return _command("exits", code, after)


def dies_of(signal: str, after: float = 0.0) -> list[str]:
    """Is ended by the signal of that name, *after* some seconds. It leaves no core."""
    return _command("dies_of", signal, after)


def prints(lines: Iterable[str], stream: str = "stdout", then_exits: int | None = 0) -> list[str]:
    """Prints *lines*, then exits with the code *then_exits*; `None`: sleeps for ever."""
    return _command("prints", stream, "" if then_exits is None else then_exits, *lines)


def floods(size: int, stream: str = "stdout", code: int = 0) -> list[str]:
    """Prints *size* bytes as fast as they are taken (see `flood`), then exits with *code*."""
    return _command("floods", size, stream, code)


def ignores_sigterm() -> list[str]:
    """Ignores SIGTERM, says `armed`, sleeps for ever."""
    return _command("ignores_sigterm")


def stops_slowly(seconds: float) -> list[str]:
    """Says `armed`; on SIGTERM it still works for some *seconds*, then exits with 0."""
    return _command("stops_slowly", seconds)


def listens(port: int, after: float = 0.0) -> list[str]:
    """Accepts TCP connections at *port* of 127.0.0.1 *after* some seconds, says `listening`, and serves for ever."""
    return _command("listens", port, after)


def reads_stdin() -> list[str]:
    """Prints what it reads, and exits with 0 at the end of its input."""
    return _command("reads_stdin")


def holds_output(seconds: float = 60.0) -> list[str]:
    """Exits with 0 at once and leaves a descendant in a session of its own that holds the output pipes.

    It holds them until its standard input ends, at most for some *seconds*; so give it `stdin="pipe"`.
    """
    return _command("holds_output", seconds)


def leaves_group_member(stays: bool = False) -> list[str]:
    """Says `member PID` and exits with 0; that one is in its group, ignores SIGTERM, and sleeps for ever.

    With *stays* it does not exit by itself, and any signal ends it.
    """
    return _command("leaves_group_member", int(stays))


def crashes_sometimes(chance: float, every: float = 1.0, code: int = 1, seed: int = 0) -> list[str]:
    """Exits with *code* with this *chance* after *every* so many seconds (see `crash_after`)."""
    return _command("crashes_sometimes", chance, every, code, seed)


def prints_environment(names: Iterable[str]) -> list[str]:
    """Prints a line `NAME=value` for each of the variables that is there, then exits with 0."""
    return _command("prints_environment", *names)


def sends(signal: str) -> list[str]:
    """Sends a signal to the process of `REGROW_PID`, then exits with 0: for a `Run` step."""
    return _command("sends", signal)


def missing() -> list[str]:
    """Cannot be run: there is no such program (ENOENT)."""
    return [MISSING]


def not_executable() -> list[str]:
    """Cannot be run: there is such a file, but it is no program (EACCES)."""
    return [_PROGRAM]


# -- what a fake has to know of them -----------------------------------------------------------------------------------


def parse(command: Sequence[str]) -> tuple[str, ...]:
    """The word and the arguments of a command of the gallery; empty for any other command."""
    return tuple(command[4:]) if tuple(command[2:4]) == _PREFIX[2:] else ()


def flood(size: int) -> bytes:
    """What `floods` prints: numbered lines of 64 bytes, so that a loss, a double and a swap show."""
    lines = -(-size // 64)
    return b"".join(b"%063d\n" % number for number in range(lines))[:size]


def crash_after(chance: float, every: float, seed: int, path: str, incarnation: int) -> float:
    """After how many seconds `crashes_sometimes` does it: the same for the same arguments."""
    from random import Random  # noqa: PLC0415  to start fast

    random = Random(f"{seed}/{path}/{incarnation}")
    tries = 1
    while random.random() >= chance:
        tries += 1
    return tries * every


def _command(word: str, *arguments: object) -> list[str]:
    return [*_PREFIX, word, *map(str, arguments)]


# -- the programs ------------------------------------------------------------------------------------------------------

_FILES = {"stdout": 1, "stderr": 2}


def _sleeps() -> NoReturn:
    while True:
        time.sleep(3600)


def _exits(code: str, after: str) -> NoReturn:
    time.sleep(float(after))
    sys.exit(int(code))


def _dies_of(name: str, after: str) -> None:
    if sys.platform != "win32":
        import resource  # noqa: PLC0415  to start fast

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if name not in {"SIGKILL", "SIGSTOP"}:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    time.sleep(float(after))
    os.kill(os.getpid(), getattr(signal, name))
    _sleeps()


def _prints(stream: str, code: str, *lines: str) -> None:
    _say("".join(f"{line}\n" for line in lines), _FILES[stream])
    if code:
        sys.exit(int(code))
    _sleeps()


def _floods(size: str, stream: str, code: str) -> None:
    _write(flood(int(size)), _FILES[stream])
    sys.exit(int(code))


def _ignores_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _say("armed\n")
    _sleeps()


def _stops_slowly(seconds: str) -> None:
    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # asked once is enough
        time.sleep(float(seconds))
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    _say("armed\n")
    _sleeps()


def _listens(port: str, after: str) -> None:
    import socket  # noqa: PLC0415  to start fast

    time.sleep(float(after))
    with socket.create_server(("127.0.0.1", int(port))) as server:
        _say("listening\n")
        while True:
            server.accept()[0].close()


def _reads_stdin() -> None:
    while data := os.read(0, 65536):
        _write(data, 1)


def _holds_output(seconds: str) -> None:
    if _fork(own_session=True) == 0:
        import select  # noqa: PLC0415  to start fast

        select.select([0], [], [], float(seconds))


def _leaves_group_member(stays: str) -> None:
    # Before the fork, so that the member ignores it from its first moment on.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    member = _fork()
    if member == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for file in range(3):
            os.dup2(null, file)
        _sleeps()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _say(f"member {member}\n")
    if int(stays):
        _sleeps()


def _crashes_sometimes(chance: str, every: str, code: str, seed: str) -> None:
    path, incarnation = os.environ["REGROW_PATH"], int(os.environ["REGROW_INCARNATION"])
    _exits(code, str(crash_after(float(chance), float(every), int(seed), path, incarnation)))


def _prints_environment(*names: str) -> None:
    _say("".join(f"{name}={os.environ[name]}\n" for name in names if name in os.environ))


def _sends(name: str) -> None:
    os.kill(int(os.environ["REGROW_PID"]), getattr(signal, name))


def _fork(own_session: bool = False) -> int:
    if sys.platform == "win32":
        sys.exit("this program of the gallery needs fork()")
    else:
        pid = os.fork()
        if pid == 0 and own_session:
            os.setsid()
        return pid


def _say(text: str, file: int = 1) -> None:
    _write(text.encode(), file)


def _write(data: bytes, file: int) -> None:
    while data:
        data = data[os.write(file, data) :]


_PROGRAMS: dict[str, Callable[..., object]] = {
    "sleeps": _sleeps,
    "exits": _exits,
    "dies_of": _dies_of,
    "prints": _prints,
    "floods": _floods,
    "ignores_sigterm": _ignores_sigterm,
    "stops_slowly": _stops_slowly,
    "listens": _listens,
    "reads_stdin": _reads_stdin,
    "holds_output": _holds_output,
    "leaves_group_member": _leaves_group_member,
    "crashes_sometimes": _crashes_sometimes,
    "prints_environment": _prints_environment,
    "sends": _sends,
}

if __name__ == "__main__":
    _PROGRAMS[sys.argv[1]](*sys.argv[2:])
