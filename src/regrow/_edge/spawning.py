"""From an order to a running program, or to words that say why not. Runs in a spawner thread: it may block."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import attrs

from regrow._edge import refusals
from regrow._edge.handle import Handle
from regrow._specs.protocol import NotLaunched


@attrs.frozen(kw_only=True)
class Order:
    """What to spawn: plain values, read in another thread."""

    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str | None = None

    has_stdin: bool = False
    """Whether its standard input is a pipe; else it is `/dev/null`."""

    has_output: bool = False
    """Whether its output comes through pipes; else it goes to `/dev/null`."""

    file: str | None = None
    """What to open for a copy of its output."""

    with_pidfd: bool = True


@attrs.define(kw_only=True)
class Spawned:
    """A program that runs, and our ends of what joins us to it."""

    handle: Handle
    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None
    file: int | None = None

    def discard(self) -> None:
        """End it: nobody wants it any more. Waits until it is dead: not on the event loop."""
        self.handle.destroy()
        for fd in (self.stdin, self.stdout, self.stderr, self.file):
            if fd is not None:
                os.close(fd)


def spawn(order: Order) -> Spawned | NotLaunched:
    """Start a program in a session of its own; return when its exec has succeeded, or why it has not."""
    fds = _Descriptors()
    try:
        answer: Spawned | NotLaunched = _spawn(order, fds)
    except refusals.RefusedError as refused:
        answer = refused.answer
    except (OSError, ValueError, MemoryError, subprocess.SubprocessError) as error:
        answer = refusals.explain(error, order.command[0], order.cwd)
    else:
        fds.ours.clear()  # they belong to what was spawned
    fds.close()
    return answer


def _spawn(order: Order, fds: _Descriptors) -> Spawned:
    file = None if order.file is None else fds.open_file(order.file)
    program = refusals.find_program(order.command[0], order.env, order.cwd)
    stdin, our_stdin = fds.pipe(ours="write") if order.has_stdin else (subprocess.DEVNULL, None)
    stdout, our_stdout = fds.pipe(ours="read") if order.has_output else (subprocess.DEVNULL, None)
    stderr, our_stderr = fds.pipe(ours="read") if order.has_output else (subprocess.DEVNULL, None)
    with _nothing_blocked():
        # A session of its own makes Popen take the way by vfork: fast however big we are, and without holding the
        # interpreter. preexec_fn, user and group would take that away.
        process = subprocess.Popen(
            order.command,
            executable=program,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=order.env,
            cwd=order.cwd,
            start_new_session=True,
        )
    process.returncode = 0  # a lie: from now on it is ours to reap, and Popen must neither poll, reap nor warn
    handle = _hold(process.pid, with_pidfd=order.with_pidfd)
    return Spawned(handle=handle, stdin=our_stdin, stdout=our_stdout, stderr=our_stderr, file=file)


@contextmanager
def _nothing_blocked() -> Iterator[None]:
    """Within the block, this thread blocks no signal, as the child is not to: it inherits what its maker blocks.

    Only for a moment, because an application that blocks signals everywhere reads them in a place of its own, and
    means that no other thread gets one. (Signals that it *ignores* are inherited too, and only another program
    between us and the child could change that.)
    """
    blocked = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        yield
    finally:
        if blocked:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _hold(pid: int, *, with_pidfd: bool) -> Handle:
    """Open the pidfd at once: before somebody reaps it, and the number may mean another."""
    if sys.platform == "linux" and with_pidfd:
        try:
            return Handle(pid, os.pidfd_open(pid))
        except ProcessLookupError:  # somebody has reaped it already
            pass
        except OSError:  # no descriptor left
            Handle(pid).destroy()
            raise
    return Handle(pid)


class _Descriptors:
    """What is open for one spawn: the child's ends are closed in any case, ours if it fails."""

    def __init__(self) -> None:
        self.ours: list[int] = []
        self._theirs: list[int] = []

    def pipe(self, *, ours: str) -> tuple[int, int]:
        """A pipe, as the child's end and our end; ours never blocks."""
        read, write = os.pipe()
        theirs, own = (write, read) if ours == "read" else (read, write)
        self._theirs.append(theirs)
        self.ours.append(own)
        os.set_blocking(own, False)
        return theirs, own

    def open_file(self, path: str) -> int:
        """Open *path* to append to it."""
        # NONBLOCK: without it, opening a fifo that nobody reads would hold this thread for ever.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        try:
            file = os.open(path, flags, 0o666)
        except OSError as error:
            raise refusals.no_file(error, path) from None
        self.ours.append(file)
        return file

    def close(self) -> None:
        """Close what is not given away."""
        for fd in (*self.ours, *self._theirs):
            os.close(fd)
