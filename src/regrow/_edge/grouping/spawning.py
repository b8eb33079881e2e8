"""From an order to a running program, or to words that say why not. Runs in a spawner thread: it may block."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from regrow._edge.grouping import settling
from regrow._edge.grouping.handle import Handle
from regrow._edge.orders import refusals
from regrow._edge.orders.accounts import identify
from regrow._edge.orders.order import Descriptors, Order, open_file
from regrow._edge.orders.passing import passable
from regrow._edge.orders.sockets import Sockets
from regrow._specs.protocol import NotLaunched

_FIRST = 3  # the first number after the standard streams


@attrs.define(kw_only=True)
class Child:
    """A program that runs, a child of ours, and our ends of what joins us to it."""

    handle: Handle
    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None
    file: int | None = None


@attrs.frozen(kw_only=True)
class _Streams:
    """The child's ends of its standard streams, and ours."""

    theirs: tuple[int, int, int]
    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None


def spawn(order: Order, sockets: Sockets, *, with_pidfd: bool) -> Child | NotLaunched:
    """Start a program in a session of its own; return when its exec has succeeded, or why it has not."""
    fds = Descriptors()
    try:
        answer: Child | NotLaunched = _spawn(order, fds, sockets, with_pidfd=with_pidfd)
    except refusals.RefusedError as refused:
        answer = refused.answer
    except (OSError, ValueError, MemoryError, subprocess.SubprocessError) as error:
        answer = refusals.explain(error, order.program, order.cwd)
    else:
        fds.give()
    fds.close()
    return answer


def _spawn(order: Order, fds: Descriptors, sockets: Sockets, *, with_pidfd: bool) -> Child:
    file = None if order.file is None else fds.own(open_file(order.file))
    program = refusals.find_program(order.program, order.env, order.cwd)
    streams = _open_streams(order, fds)
    listening = [] if order.key is None else sockets.ensure(order.key, order.setup.sockets)
    if settling.has_to_settle(order):
        handle = _spawn_and_settle(order, program, _Openings(fds, streams, listening), with_pidfd=with_pidfd)
    else:
        plain = {"executable": program, "env": order.env.to_dict(), "cwd": order.cwd}
        handle = _hold(_popen(order.command, streams, plain), with_pidfd=with_pidfd)
    return Child(handle=handle, stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr, file=file)


def _open_streams(order: Order, fds: Descriptors) -> _Streams:
    null = subprocess.DEVNULL
    if not order.has_output:
        return _Streams(theirs=(null, null, null))
    if order.setup.terminal:
        theirs, ours = fds.terminal()
        stdin = fds.again(ours) if order.has_stdin else None
        return _Streams(theirs=(theirs, theirs, theirs), stdin=stdin, stdout=ours)
    child_stdin, our_stdin = fds.pipe(ours="write") if order.has_stdin else (null, None)
    stdout, our_stdout = fds.pipe(ours="read")
    stderr, our_stderr = fds.pipe(ours="read")
    return _Streams(theirs=(child_stdin, stdout, stderr), stdin=our_stdin, stdout=our_stdout, stderr=our_stderr)


def _popen(command: Sequence[bytes | str], streams: _Streams, more: Mapping[str, Any]) -> subprocess.Popen[Any]:
    stdin, stdout, stderr = streams.theirs
    with nothing_blocked():
        # A session of its own makes Popen take the way by vfork: fast however big we are, and without holding the
        # interpreter. preexec_fn, user and group would take that away.
        return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True, **more)


def _hold(process: subprocess.Popen[Any], *, with_pidfd: bool) -> Handle:
    process.returncode = 0  # a lie: from now on it is ours to reap, and Popen must neither poll, reap nor warn
    return hold_process(process.pid, with_pidfd=with_pidfd)


@attrs.frozen
class _Openings:
    """What is open for a child, or going to be."""

    fds: Descriptors
    streams: _Streams
    listening: Sequence[int]


def _spawn_and_settle(order: Order, program: str, openings: _Openings, *, with_pidfd: bool) -> Handle:
    """Spawn what becomes the program, and wait until it has."""
    identity = None if order.setup.who is None else identify(order.setup.who)
    given = _given(order, openings.listening)
    fds = openings.fds
    job, our_job = fds.pipe(ours="write")
    verdict, our_verdict = fds.pipe(ours="read")
    passed = {"pass_fds": (job, verdict, *given.values()), "env": {}}
    handle = _hold(_popen(settling.command(job, verdict), openings.streams, passed), with_pidfd=with_pidfd)
    fds.close_theirs()
    try:
        settling.write_job(our_job, order, settling.Needs(program=program, identity=identity, fds=given))
        fds.drop(our_job)
        settling.hear_verdict(our_verdict, order, program)
        fds.drop(our_verdict)
    except BaseException:
        handle.destroy()
        raise
    return handle


def _given(order: Order, listening: Sequence[int]) -> dict[int, int]:
    """The child's numbers besides its standard streams, to ours."""
    given = {number: passable(number, fd) for number, fd in order.setup.fds}
    return given | dict(enumerate(listening, _FIRST))


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
