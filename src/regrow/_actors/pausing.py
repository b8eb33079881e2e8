"""Carries out pauses: of a process, or of all below a supervisor.

A process is held still as long as it was paused by itself, or any supervisor above it is; nothing is started there.
So a tree can be resumed without letting go on what somebody else has paused in it. A pause belongs to an incarnation:
what is stopped or dies is not paused any more.
"""

from __future__ import annotations

from collections.abc import Iterator

from regrow._actors.process import Process
from regrow._actors.supervisor import Supervisor
from regrow._specs import event as events
from regrow.exceptions import InvalidStateError, PlatformNotSupportedError


def pause_child(process: Process) -> None:
    """Hold a process that runs still.

    Raises:
        InvalidStateError: it was paused by itself already.
        PlatformNotSupportedError: this system cannot.
        OSError: it is not ours to signal.
    """
    if process.hold.is_own:
        raise InvalidStateError(process.key.path, "pause", "paused", "resume it")
    if not process.hold.is_held:
        process.hold.begin()
    process.hold.is_own = True


def resume_child(process: Process) -> None:
    """Let a process go on that was paused by itself; it does when nothing above it is paused either.

    Raises:
        InvalidStateError: it was not.
        OSError: it is not ours to signal.
    """
    path, hold = process.key.path, process.hold
    holder = process.tree.pauses.holder(path)
    if not hold.is_own:
        state = f"it is paused with {_name(holder)}" if hold.is_held and holder else "not paused"
        raise InvalidStateError(path, "resume", state, f"resume {_name(holder)}" if hold.is_held and holder else "")
    if holder is None:
        hold.end()
    hold.is_own = False


def pause_supervisor(top: Supervisor) -> None:
    """Hold all that runs below *top* still, and start nothing there: all of it, or nothing.

    Raises:
        InvalidStateError: it was paused by itself already, or is stopping.
        PlatformNotSupportedError: this system cannot.
        OSError: something is not ours to signal; what had been paused by then goes on.
    """
    pauses = top.tree.pauses
    if top.ledger.end is not None or top.exit is not None:
        raise InvalidStateError(top.path, "pause", "stopping" if top.exit is None else "down")
    if pauses.has(top.path):
        raise InvalidStateError(top.path, "pause", "paused", "resume it")
    held: list[Process] = []
    try:
        for process in _processes(top):
            if process.can_be_paused and not process.hold.is_held:
                process.hold.begin()
                held.append(process)
    except (PlatformNotSupportedError, OSError):
        for process in held:
            process.hold.end()
        raise
    pauses.begin(top.path)
    top.tree.announce(events.SupervisorPaused(top.path, top.key.incarnation))


def resume_supervisor(top: Supervisor) -> None:
    """Let all below *top* go on that nothing else holds.

    Raises:
        InvalidStateError: it is not paused by itself.
    """
    pauses = top.tree.pauses
    if top.exit is not None:
        raise InvalidStateError(top.path, "resume", "down")
    if not pauses.has(top.path):
        holder = pauses.holder(top.path)
        state = f"it is paused with {_name(holder)}" if holder else "not paused"
        raise InvalidStateError(top.path, "resume", state, f"resume {_name(holder)}" if holder else "")
    paused_for = pauses.end(top.path)
    for process in _processes(top):
        if process.hold.is_held and not process.hold.is_own and pauses.holder(process.key.path) is None:
            try:
                process.hold.end()
            except OSError:  # it has become somebody else's: the others are to go on, and it can be tried again
                process.hold.is_own = True
    top.tree.announce(events.SupervisorResumed(top.path, top.key.incarnation, paused_for))


def _processes(top: Supervisor) -> Iterator[Process]:
    """All processes below, siblings in the order of their entries."""
    for name in list(top.ledger.entries):
        child = top.children.get(name)
        if child is None or child.exit is not None:
            continue
        if isinstance(child, Process):
            yield child
        else:
            yield from _processes(child)


def _name(path: str | None) -> str:
    return "the root" if path in {None, "."} else str(path)
