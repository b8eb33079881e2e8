"""From an order to a running program, or to words that say why not. Runs in a spawner thread: it may block."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from regrow._edge import refusals
from regrow._edge.handle import Handle
from regrow._edge.order import Descriptors, Order, open_file
from regrow._specs.protocol import NotLaunched


@attrs.define(kw_only=True)
class Child:
    """A program that runs, a child of ours, and our ends of what joins us to it."""

    handle: Handle
    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None
    file: int | None = None


def spawn(order: Order, *, with_pidfd: bool) -> Child | NotLaunched:
    """Start a program in a session of its own; return when its exec has succeeded, or why it has not."""
    fds = Descriptors()
    try:
        answer: Child | NotLaunched = _spawn(order, fds, with_pidfd=with_pidfd)
    except refusals.RefusedError as refused:
        answer = refused.answer
    except (OSError, ValueError, MemoryError, subprocess.SubprocessError) as error:
        answer = refusals.explain(error, order.program, order.cwd)
    else:
        fds.give()
    fds.close()
    return answer


def _spawn(order: Order, fds: Descriptors, *, with_pidfd: bool) -> Child:
    file = None if order.file is None else fds.own(open_file(order.file))
    program = refusals.find_program(order.program, order.env, order.cwd)
    stdin, our_stdin = fds.pipe(ours="write") if order.has_stdin else (subprocess.DEVNULL, None)
    stdout, our_stdout = fds.pipe(ours="read") if order.has_output else (subprocess.DEVNULL, None)
    stderr, our_stderr = fds.pipe(ours="read") if order.has_output else (subprocess.DEVNULL, None)
    with nothing_blocked():
        # A session of its own makes Popen take the way by vfork: fast however big we are, and without holding the
        # interpreter. preexec_fn, user and group would take that away.
        process = subprocess.Popen(
            order.command,
            executable=program,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=order.env.to_dict(),
            cwd=order.cwd,
            start_new_session=True,
        )
    process.returncode = 0  # a lie: from now on it is ours to reap, and Popen must neither poll, reap nor warn
    handle = hold_process(process.pid, with_pidfd=with_pidfd)
    return Child(handle=handle, stdin=our_stdin, stdout=our_stdout, stderr=our_stderr, file=file)


@contextmanager
def nothing_blocked() -> Iterator[None]:
    """Within the block, this thread blocks no signal, as the child is not to: it inherits what its maker blocks.

    Only for a moment, because an application that blocks signals everywhere reads them in a place of its own, and
    means that no other thread gets one. (Signals that it *ignores* are inherited too, and only another program
    between us and the child, such as a guardian, can change that.)
    """
    blocked = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        yield
    finally:
        if blocked:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def hold_process(pid: int, *, with_pidfd: bool) -> Handle:
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
