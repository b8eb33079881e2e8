"""Programs that behave in one certain way, alone: a single process each.

Executed, this starts in a few milliseconds: it imports nothing of regrow, runs without `site`, and imports what only
some programs need where they need it.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False  # `typing` alone would double the time that a program takes to start
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from typing import NoReturn
else:
    import _signal as signal  # what `signal` is made of, without the enums that take as long as all the rest


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


def _crashes_sometimes(chance: str, every: str, code: str, seed: str) -> None:
    path, incarnation = os.environ["REGROW_PATH"], int(os.environ["REGROW_INCARNATION"])
    _exits(code, str(crash_after(float(chance), float(every), int(seed), path, incarnation)))


def _works(seconds: str) -> None:
    while time.process_time() < float(seconds):
        pass


def _prints_environment(*names: str) -> None:
    _say("".join(f"{name}={os.environ[name]}\n" for name in names if name in os.environ))


def _beats(every: str, lasts: str, via: str) -> NoReturn:
    end = time.monotonic() + float(lasts)
    beat = _beat_by_pipe if via == "pipe" else _beat_by_notify
    beat()
    while time.monotonic() + float(every) < end:
        time.sleep(float(every))
        beat()
    _sleeps()


def _beat_by_pipe() -> None:
    os.write(int(os.environ["REGROW_HEARTBEAT_FD"]), b".")


def _beat_by_notify() -> None:
    import socket  # noqa: PLC0415  to start fast

    if sys.platform != "win32":
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as teller:
            teller.sendto(b"WATCHDOG=1", os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))


def _sends(name: str) -> None:
    os.kill(int(os.environ["REGROW_PID"]), getattr(signal, name))


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
    "crashes_sometimes": _crashes_sometimes,
    "works": _works,
    "prints_environment": _prints_environment,
    "beats": _beats,
    "sends": _sends,
}

if __name__ == "__main__":
    _PROGRAMS[sys.argv[1]](*sys.argv[2:])
