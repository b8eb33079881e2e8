"""Becomes a program, after it has made itself what the program is to be: `python -I -S settle.py JOB VERDICT`.

For systems without guardians, where nobody stands between us and a child who could do it. It reads a job, as JSON, from
the descriptor JOB, and writes to VERDICT what cannot be done: stage, errno and which candidate, as the guardians number
them. If it has become the program, VERDICT just ends. It imports little, and nothing of regrow.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
import sys

assert sys.platform != "win32"

import errno
import fcntl
import json
import os
import resource
import signal
import struct
import termios

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

VERDICT = struct.Struct("<iii")
DESCRIPTORS, PRIVILEGES, NICE, DIRECTORY, EXEC, RLIMIT, IO_PRIORITY = 2, 4, 5, 6, 7, 8, 9
AFFINITY, GROUPS, GROUP, USER, TERMINAL = 10, 11, 12, 13, 14
_SET_NO_NEW_PRIVS = 38
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}


def main(job_fd: int, verdict: int) -> None:
    """Do the job."""
    with open(job_fd, encoding="ascii") as file:
        job = json.load(file)
    os.set_inheritable(verdict, False)
    verdict = _settle(job, verdict)
    which = 0
    try:
        which = _execute(job)
    except OSError as error:
        _fail(verdict, EXEC, error.errno or 0, which)


def _settle(job: "dict[str, Any]", verdict: int) -> int:
    """Everything but the program; returns where VERDICT is now."""
    _reset_signals()
    for stage, name, work in _STEPS:
        if job[name] is not None and job[name] is not False:
            _do(verdict, stage, work, job[name])
    return _arrange(job["fds"], verdict)


def _do(verdict: int, stage: int, work: "Callable[[Any], object]", value: "Any") -> None:
    try:
        work(value)
    except _LimitError as error:
        _fail(verdict, stage, error.number, error.which)
    except (OSError, ValueError) as error:
        _fail(verdict, stage, getattr(error, "errno", None) or errno.EINVAL, 0)


def _reset_signals() -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


class _LimitError(Exception):
    def __init__(self, number: int, which: int) -> None:
        super().__init__(number, which)
        self.number = number
        self.which = which


def _set_limits(limits: "list[tuple[int, int, int]]") -> None:
    for which, (kind, soft, hard) in enumerate(limits):
        try:
            resource.setrlimit(kind, (_limit(soft), _limit(hard)))
        except (OSError, ValueError) as error:
            raise _LimitError(getattr(error, "errno", None) or errno.EPERM, which) from None


def _take_terminal(_: bool) -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _set_nice(value: int) -> None:
    os.setpriority(os.PRIO_PROCESS, 0, value)


def _enter(directory: str) -> None:
    os.chdir(directory.encode("latin-1"))


def _limit(value: int) -> int:
    return resource.RLIM_INFINITY if value >= 2**63 else value


def _set_affinity(cpus: "list[int]") -> None:
    if sys.platform == "linux":
        os.sched_setaffinity(0, cpus)


def _set_io_priority(value: int) -> None:
    _call("syscall", _IOPRIO_SET[os.uname().machine], 1, 0, value)


def _give_up_privileges(_: bool) -> None:
    _call("prctl", _SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _call(name: str, *args: int) -> None:
    import ctypes  # noqa: PLC0415  few need it, and it takes a while

    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*map(ctypes.c_long, args)) < 0:
        raise OSError(ctypes.get_errno(), name)


# In this order: who is no longer root can do less, and a directory may be open to the user only.
_STEPS: "tuple[tuple[int, str, Callable[[Any], object]], ...]" = (
    (0, "umask", os.umask),
    (TERMINAL, "terminal", _take_terminal),
    (RLIMIT, "rlimits", _set_limits),
    (NICE, "nice", _set_nice),
    (IO_PRIORITY, "io_priority", _set_io_priority),
    (AFFINITY, "affinity", _set_affinity),
    (GROUPS, "groups", os.setgroups),
    (GROUP, "group", os.setgid),
    (USER, "user", os.setuid),
    (PRIVILEGES, "no_new_privs", _give_up_privileges),
    (DIRECTORY, "cwd", _enter),
)


def _arrange(fds: "dict[str, int]", verdict: int) -> int:
    """Give each descriptor its number; all others end with the exec, or were never passed on."""
    wanted = {int(number): fd for number, fd in fds.items()}
    above = max([2, *wanted, *wanted.values()]) + 1
    try:
        verdict = fcntl.fcntl(verdict, fcntl.F_DUPFD_CLOEXEC, above)
        moved = {number: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above) for number, fd in wanted.items()}
        os.closerange(3, above)
        for number, fd in moved.items():
            os.dup2(fd, number)
    except OSError as error:
        _fail(verdict, DESCRIPTORS, error.errno or 0, 0)
    return verdict


def _execute(job: "dict[str, Any]") -> int:
    program, *rest = (word.encode("latin-1") for word in (job["program"], *job["command"]))
    env = {name.encode("latin-1"): value.encode("latin-1") for name, value in job["env"].items()}
    if job["listen_pid"]:
        env[b"LISTEN_PID"] = b"%d" % os.getpid()
    os.execve(program, rest, env)


def _fail(verdict: int, stage: int, number: int, which: int) -> None:
    os.write(verdict, VERDICT.pack(stage, number, which))
    os._exit(127)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
