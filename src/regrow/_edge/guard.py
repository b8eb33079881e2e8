r"""The guard above a program: a process that forks before it has loaded anything, and whose child is the program.

The guard forwards signals to the program, reaps whoever has lost its parents, and when the program has ended, kills all
that is left below it and ends in the same way: with its exit code, or by its signal. That is what the first process of
a container has to do. If the guard itself is killed, the kernel kills the program, whose guardians end its children.

Guard and program are in one process group, so a shell sees one job. What is typed at the terminal (Ctrl-C, Ctrl-\,
Ctrl-Z) the kernel sends to the whole group, and the guard does not send it on: the program would have it twice. A
program that a terminal has stopped stops its guard, so that the shell notices; `fg` and `bg` continue both.

There is nothing to interrupt here: every signal is blocked, and taken when its turn comes. The guard is small because
it is forked early: what the program loads afterwards is the program's own.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import ctypes
import gc
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

BOUND = 5.0
"""Seconds after which what does not die is left behind, and named."""

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36
_SI_KERNEL = 0x80  # the sender of what was typed at a terminal
_KEYS = {signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGWINCH}
"""What the kernel sends to a whole process group."""

_STOPS = {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
_FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS, signal.SIGABRT}
_HEARD = signal.valid_signals() - _FAULTS - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE}
_MOST = 2048  # how many are reaped in a row before a signal is looked for
_MOST_FDS = 1 << 20
_LOOK = 0.05  # seconds between two looks for what has just become ours


def guard() -> None:
    """Be guarded from here on: this returns in the program, which is another process by then.

    Raises:
        OSError: that cannot be had here.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    ourselves = os.getpid()
    try:
        _control(_PR_SET_CHILD_SUBREAPER, 1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would take all exit codes with it
        gc.freeze()  # what is not moved about is not copied
        program = os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        raise
    if program:
        _be_guard(program)
    gc.unfreeze()
    _be_program(ourselves, mask)


def _be_program(guard: int, mask: set[signal.Signals] | set[int]) -> None:
    _control(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard:  # it died before that
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ.get("LISTEN_PID") == str(guard):  # sockets that were handed to us by the number of our process
        os.environ["LISTEN_PID"] = str(os.getpid())
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _be_guard(program: int) -> None:
    """Never returns."""
    try:
        gc.disable()
        _hold_nothing()
        _control(_PR_SET_NAME, b"regrow guard")
        guard = Guard(program)
        code = guard.wait()
        if left := guard.end_rest():
            os.write(2, f"regrow: could not be ended: {' '.join(map(str, left))}\n".encode())
        end_like(code)
    except BaseException as error:  # noqa: ASYNC103, BLE001  a mistake of ours; the program ends with us
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        os._exit(70)


class Guard:
    """The parent of a program, and of whoever has lost his own."""

    def __init__(self, program: int) -> None:
        self._program = program
        self._code: int | None = None
        self._has_more = False
        """There may be more to reap."""

    def wait(self) -> int:
        """Forward signals and reap, until the program has ended. Its exit code, or minus the number of a signal."""
        while self._code is None:
            heard = signal.sigtimedwait(_HEARD, 0) if self._has_more else signal.sigwaitinfo(_HEARD)
            if heard is not None:
                self._hear(heard)
            if self._has_more:
                self._has_more = self._reap()
        return self._code

    def end_rest(self) -> list[int]:
        """Kill all that are left; who does not die within `BOUND` seconds."""
        until = time.monotonic() + BOUND
        while True:
            for pid in children():
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            while self._reap():
                pass
            left = list(children())
            if not left or time.monotonic() > until:
                return left
            signal.sigtimedwait({signal.SIGCHLD}, _LOOK)

    def _hear(self, heard: signal.struct_siginfo) -> None:
        if heard.si_signo == signal.SIGCHLD:
            self._has_more = True
        elif heard.si_code != _SI_KERNEL or heard.si_signo not in _KEYS:
            with suppress(OSError):  # it has become another user's
                os.kill(self._program, heard.si_signo)

    def _reap(self) -> bool:
        """Reap those that have ended; whether there may be more."""
        for _ in range(_MOST):
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WSTOPPED | os.WNOHANG)
            except ChildProcessError:
                return False
            if ended is None:
                return False
            if ended.si_pid == self._program:
                self._see(ended)
        return True

    def _see(self, ended: os.waitid_result) -> None:
        if ended.si_code == os.CLD_EXITED:
            self._code = ended.si_status
        elif ended.si_code != os.CLD_STOPPED:
            self._code = -ended.si_status
        elif ended.si_status in _STOPS:
            os.kill(os.getpid(), signal.SIGSTOP)


def children() -> Iterator[int]:
    """Our own. None of them is reaped meanwhile, so each number is still his."""
    with suppress(OSError), open("/proc/thread-self/children", encoding="ascii") as file:
        yield from map(int, file.read().split())
        return
    for pid in range(2, _highest() + 1):
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            yield pid


def end_like(code: int) -> None:
    """End with an exit code, or by a signal if it is negative."""
    if code >= 0:
        os._exit(code)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one of them is enough
    if -code not in {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(-code, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
    os.kill(os.getpid(), -code)
    os._exit(128 - code)  # the first process of a pid namespace cannot be killed from within


def _hold_nothing() -> None:
    """Let go of what is the program's: a pipe must be at its end when the program has closed it."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    limit = os.sysconf("SC_OPEN_MAX")
    os.closerange(3, limit if 0 < limit < _MOST_FDS else _MOST_FDS)


def _highest() -> int:
    with suppress(OSError), open("/proc/sys/kernel/pid_max", encoding="ascii") as file:
        return int(file.read())
    return 1 << 22


def _control(what: int, value: int | bytes) -> None:
    """Ask the kernel for something for this process."""
    library = ctypes.CDLL(None, use_errno=True)
    argument = value if isinstance(value, bytes) else ctypes.c_ulong(value)
    if library.prctl(what, argument, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
