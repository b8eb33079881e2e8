"""The one file that joins actors with an edge: open a tree for a block, or run it to its end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from io import UnsupportedOperation
from random import Random

import trio

from regrow._actors.checking import check_spec
from regrow._actors.messages import ChildMessage, Up
from regrow._actors.story import EX_SOFTWARE, group_of
from regrow._actors.supervisor import Supervisor
from regrow._actors.supervisor_handle import SupervisorHandle
from regrow._actors.tree import Tree
from regrow._edge.local import LocalLauncher
from regrow._sinks.log import LogSink
from regrow._specs.check import Problem
from regrow._specs.event import SurvivorEnded
from regrow._specs.exit import Exit, Reason
from regrow._specs.protocol import Launcher, Sink
from regrow._specs.supervisor import AnySupervisorSpec, DynamicSpec, SupervisorSpec
from regrow.exceptions import InvalidSpecError, InvalidStateError, RegrowError, SupervisorEndedError

EX_UNAVAILABLE = 69
"""The exit code of `run` for a tree that could not start. BSD: sysexits."""

SAME_ORDER = 0.1
"""Seconds within which two signals are one order. `timeout` sends each twice, to a process and to its group; systemd
sends to a guard and to the program below it, and may add a SIGHUP. People are slower, even when they are in a hurry."""


@asynccontextmanager
@trio.lowlevel.enable_ki_protection  # of these lines, not of the body: Ctrl-C comes there, or where this waits
async def open_supervisor(  # noqa: PLR0913  all but the tree is by keyword, and seldom
    spec: AnySupervisorSpec,
    *,
    launcher: Launcher | None = None,
    sinks: Iterable[Sink] | None = None,
    state_dir: str | os.PathLike[str] | None = None,
    journal_size: int = 10_000,
    random: Random | None = None,
) -> AsyncIterator[SupervisorHandle]:
    """Open a supervision tree for a block: everything is ready when the body begins, and gone when the block is left.

    Leaving the block, also by an error or by cancelling, first stops all children, in reverse start order and within
    their graces. When the tree ends by itself, the body is cancelled.

    Args:
        spec: the tree.
        launcher: what runs processes; the local machine by default.
        sinks: callables that are given every event; by default one that logs through structlog.
        state_dir: a directory of this tree's own. While it is open, a second one with the same is refused; what could
            survive is written down there, and ended before anything is started by the next one.
        journal_size: how many events are kept for readers of `events()`.
        random: where the jitter of backoffs comes from; given by tests.

    Yields:
        The handle of the root.

    Raises:
        InvalidSpecError: something is wrong with the tree; nothing was started.
        ExceptionGroup: of `StartFailedError` if a start failed, before the body runs; of `TooManyRestartsError` if the
            tree gave up; of that and the body's own error if there are both. A body's error alone goes on as it is.
    """
    opened = _Opened(spec, make_launcher(launcher, state_dir), sinks, journal_size, random)
    body_error: BaseException | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(opened.live)
        try:
            await opened.is_decided.wait()
            if opened.is_ready:
                with opened.body:
                    yield SupervisorHandle(opened.root, ".")
        except BaseException as error:  # noqa: ASYNC103, BLE001  # kept until everything is stopped, then it goes on
            body_error = error
        opened.root.stop()  # the nursery waits until that is done; it is shielded, and bounded by the graces
    opened.raise_what_went_wrong(body_error)


def run(
    spec: AnySupervisorSpec,
    *,
    launcher: Launcher | None = None,
    sinks: Iterable[Sink] | None = None,
    state_dir: str | os.PathLike[str] | None = None,
) -> int:
    """Run a tree until it ends or is told to stop, and return an exit code. Blocks; brings its own event loop.

    SIGINT, SIGTERM and SIGHUP (unless it is ignored) stop the tree, in order and within the graces; a second one kills
    what is left (not if it comes within a tenth of a second: that is the first once more). The story of a bad end is
    written to standard error.

    Returns:
        0 if it was asked to stop, or shut itself down after a good end; the code of the significant child that made it
        shut down (128 + the signal's number if a signal ended that); 70 if it gave up; 69 if it could not start;
        128 + the signal's number if a second one killed it, such as 130 or 143.

    Raises:
        InvalidSpecError: something is wrong with the tree; nothing was started.
        InvalidStateError: this is not the main thread, which alone can handle signals.
    """
    if threading.current_thread() is not threading.main_thread():
        raise InvalidStateError(spec.name, "run", "not in the main thread", "use open_supervisor in a trio of your own")
    code, errors = trio.run(run_to_end, spec, make_launcher(launcher, state_dir), sinks)
    with suppress(OSError, AttributeError):  # nobody there to read it: the exit code says it all the same
        _tell("".join(f"regrow: {error}\n" for error in errors))
    return code


def _tell(text: str) -> None:
    """Write to standard error, past its buffer: what stays in that makes Python end with a code of its own (120)."""
    try:
        number = sys.stderr.fileno()
    except UnsupportedOperation:  # somebody has put something of his own there
        sys.stderr.write(text)
        return
    with open(number, "wb", buffering=0, closefd=False) as raw:
        raw.write(text.encode(errors="backslashreplace"))


async def run_to_end(
    spec: AnySupervisorSpec, launcher: Launcher, sinks: Iterable[Sink] | None
) -> tuple[int, list[Exception]]:
    """What `run` does inside its event loop: the exit code, and the story of a bad end for the caller to tell."""
    opened = _Opened(spec, launcher, sinks, 10_000, None)
    killed_by, asked_at = 0, 0.0
    with trio.open_signal_receiver(*_signals_to_stop()) as received:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(opened.live)
            with opened.is_over:  # cancelled when the tree has ended, however that came
                async for number in received:
                    if not opened.is_asked:
                        asked_at = trio.current_time()
                    elif trio.current_time() - asked_at > SAME_ORDER:
                        killed_by = number
                        opened.tree.hurry()
                    opened.stop()
    code = 128 + killed_by if killed_by else exit_code(opened.root.exit)
    return code, opened.errors


def _signals_to_stop() -> list[signal.Signals]:
    """SIGTERM, and what a terminal sends: without `nohup`, a terminal that goes away takes its programs along."""
    from_terminal = [signal.SIGINT]
    if sys.platform != "win32":
        from_terminal.append(signal.SIGHUP)
    return [signal.SIGTERM, *(number for number in from_terminal if signal.getsignal(number) != signal.SIG_IGN)]


def exit_code(exit: Exit | None) -> int:
    """The exit code of a program whose tree ended like this."""
    if exit is None or exit.reason is Reason.FAILED_TO_START:
        return EX_UNAVAILABLE
    if exit.reason is Reason.STOPPED:
        return 0
    if exit.reason is not Reason.NORMAL:
        return EX_SOFTWARE
    if exit.code is None and exit.signal is None:
        return 0
    number = exit.returncode or 0
    return 128 - number if number < 0 else number & 0xFF


def make_launcher(launcher: Launcher | None, state_dir: str | os.PathLike[str] | None) -> Launcher:
    """What runs the processes of a tree.

    Raises:
        InvalidSpecError: a launcher that was made already has its own state directory, or none.
    """
    if launcher is None:
        return LocalLauncher(state_dir=state_dir)
    if state_dir is not None:
        raise InvalidSpecError([Problem("state_dir", "is the launcher's; write LocalLauncher(state_dir=...)")])
    return launcher


class _Opened:
    """A tree that lives in one task, shielded from everything but its own end."""

    def __init__(
        self,
        spec: AnySupervisorSpec,
        launcher: Launcher,
        sinks: Iterable[Sink] | None,
        journal_size: int,
        random: Random | None,
    ) -> None:
        self._launcher = launcher
        check(spec, self._launcher)
        self._spec = spec
        self.tree = Tree(self._launcher, [LogSink()] if sinks is None else sinks, journal_size, random)
        self.root = Supervisor(self.tree, spec, self.tree.next_key("."), self._hear)
        self.is_decided = trio.Event()
        """It is ready, or it has ended without having been."""
        self.is_ready = False
        self.is_asked = False
        self.body = trio.CancelScope()
        """Around the body of the block: cancelled when the tree has ended."""
        self.is_over = trio.CancelScope()
        self.errors: list[Exception] = []

    def stop(self) -> None:
        """Ask it to stop, in order."""
        self.is_asked = True
        self.root.stop()

    @trio.lowlevel.enable_ki_protection
    async def live(self) -> None:
        """Boot, serve, stop; never raises what its tree went through, but keeps it in `errors`."""
        try:
            with trio.CancelScope(shield=True):
                async with self._launcher.open() as self.tree.launcher:
                    self._tell_of_survivors()
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self.tree.limiter.run)
                        nursery.start_soon(self.tree.watchdog.run)
                        await self.root.run()
                        nursery.cancel_scope.cancel()
            self.errors += self.root.errors
        except RegrowError as error:  # the launcher cannot be opened here
            self.errors.append(error)
        finally:
            self.tree.journal.end()
            self.is_decided.set()
            self.body.cancel()
            self.is_over.cancel()

    def _tell_of_survivors(self) -> None:
        for survivor in getattr(self.tree.launcher, "survivors", ()):  # only a local launcher can have any
            self.tree.announce(SurvivorEnded(survivor.path, survivor.incarnation, survivor.pid))

    def raise_what_went_wrong(self, body_error: BaseException | None) -> None:
        """Let the tree's error go up, with the body's if there is one; or the body's as it is."""
        group = self._as_group()
        if group is not None and body_error is not None:
            raise BaseExceptionGroup("the body of the tree failed, and the tree too", [body_error, group])
        if group is not None:
            raise group
        if body_error is not None:
            raise body_error
        if not self.is_ready:
            raise SupervisorEndedError(".", "be opened", "stopped before it was ready")

    def _as_group(self) -> Exception | None:
        if not self.errors:
            return None
        if self.root.end is None:
            return self.errors[0]
        return group_of(self.errors, self._spec.name, self.root.end)

    def _hear(self, message: ChildMessage) -> None:
        """What the root says to the supervisor above it, which is us."""
        if isinstance(message, Up):
            self.is_ready = True
            self.is_decided.set()


def check(spec: object, launcher: Launcher) -> None:
    """Refuse a tree that cannot be run, before anything is started.

    Raises:
        InvalidSpecError: with every problem, each with its place.
        InvalidStateError: there is no trio around us.
    """
    if not isinstance(spec, SupervisorSpec | DynamicSpec):
        what = f"must be a SupervisorSpec or a DynamicSpec, not {type(spec).__name__}"
        raise InvalidSpecError([Problem("the root of a tree", what)])
    check_spec(spec, spec.name, launcher)
    if not trio.lowlevel.in_trio_run():
        hint = "call trio.run(main), or use regrow.run(spec)"
        raise InvalidStateError(spec.name, "open a supervisor", "there is no trio event loop around us", hint)
