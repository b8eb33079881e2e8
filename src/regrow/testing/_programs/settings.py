"""Programs that say what they were started with, and use it."""

from __future__ import annotations

import os
import sys

assert sys.platform != "win32"

TYPE_CHECKING = False  # `typing` alone would double the time that a program takes to start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn

_IOPRIO_GET = {"x86_64": 252, "aarch64": 31}  # numbers of a system call
_IO_CLASSES = ("none", "realtime", "best_effort", "idle")


def _describes_itself(*words: str) -> None:
    for word in words:
        value = _limit(word) if word.isupper() else _FACTS[word]()
        os.write(1, f"{word}={value}\n".encode())


def _limit(name: str) -> str:
    import resource  # noqa: PLC0415  to start fast

    limits = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
    return " ".join("unlimited" if limit == resource.RLIM_INFINITY else str(limit) for limit in limits)


def _umask() -> str:
    mask = os.umask(0)
    os.umask(mask)
    return f"{mask:#o}"


def _affinity() -> str:
    cpus: set[int] = set()
    if sys.platform == "linux":
        cpus = os.sched_getaffinity(0)
    return _numbers(cpus) or "?"


def _io_priority() -> str:
    number = 0
    if sys.platform == "linux":
        number = _IOPRIO_GET.get(os.uname().machine, 0)
    if not number:
        return "?"
    import ctypes  # noqa: PLC0415  to start fast

    value = ctypes.CDLL(None).syscall(number, 1, 0)
    kind = _IO_CLASSES[value >> 13]
    return kind if kind in {"none", "idle"} else f"{kind}:{value & 7}"


def _no_new_privs() -> str:
    with open("/proc/self/status") as status:
        return next((line.split()[1] for line in status if line.startswith("NoNewPrivs:")), "?")


def _descriptors() -> str:
    folder = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
    return _numbers(number for number in map(int, os.listdir(folder)) if _is_open(number))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:  # what the list itself was read with
        return False
    return True


def _terminal() -> str:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return "none"
    return _numbers(number for number in range(3) if os.isatty(number))


def _session() -> str:
    return "own" if os.getsid(0) == os.getpgid(0) == os.getpid() else "another"


def _numbers(numbers: Iterable[int]) -> str:
    return " ".join(map(str, sorted(numbers)))


def _serves_sockets() -> NoReturn:
    import select  # noqa: PLC0415  to start fast
    import socket  # noqa: PLC0415  to start fast

    count, is_right = int(os.environ["LISTEN_FDS"]), os.environ["LISTEN_PID"] == str(os.getpid())
    sockets = [socket.socket(fileno=3 + number) for number in range(count)]
    addresses = [":".join(map(str, one.getsockname()[:2])) for one in sockets if one.family != socket.AF_UNIX]
    paths = [one.getsockname() for one in sockets if one.family == socket.AF_UNIX]
    pid = "right" if is_right else "wrong"
    said = ["pid", pid, "names", os.environ["LISTEN_FDNAMES"], "at", *addresses, *paths]
    os.write(1, f"{' '.join(said)}\n".encode())
    while True:
        for one in select.select(sockets, [], [])[0]:
            connection, _ = one.accept()
            connection.sendall(os.environ["REGROW_INCARNATION"].encode())
            connection.close()


def _writes_to(number: str, text: str) -> None:
    os.write(int(number), text.encode())


_FACTS: dict[str, Callable[[], object]] = {
    "umask": _umask,
    "nice": lambda: os.getpriority(os.PRIO_PROCESS, 0),
    "affinity": _affinity,
    "io_priority": _io_priority,
    "no_new_privs": _no_new_privs,
    "descriptors": _descriptors,
    "terminal": _terminal,
    "session": _session,
}

_PROGRAMS: dict[str, Callable[..., object]] = {
    "describes_itself": _describes_itself,
    "serves_sockets": _serves_sockets,
    "writes_to": _writes_to,
}

if __name__ == "__main__":
    _PROGRAMS[sys.argv[1]](*sys.argv[2:])
