"""For a child that is written in Python: to say that it is ready, alive, how it is, and that it ends.

It says it in the words of sd_notify(3), and to systemd just as well; where nobody wants to hear it, nothing happens.
It needs the standard library alone, so this one file can also be copied.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import sys
from contextlib import suppress

__all__ = ["alive", "dump_on", "extend", "interval", "ready", "status", "stopping"]

_marks: dict[str, int] = {}  # descriptors that say on which signals the stack is dumped

_PATIENCE = 5.0  # seconds that something important waits until the supervisor has room for it


def ready() -> bool:
    """Say that this process can do its work, for a spec with `ready=Notified()`.

    Returns:
        Whether somebody is told: true if there was somebody to tell, and room. It waits for room, for 5 s at most.
    """
    return _say("READY=1", wait=True)


def alive() -> bool:
    """Say that it is alive: a heartbeat, for a spec with `hang=HangPolicy(activity=Heartbeat())`.

    Call it where the work is done, not in a thread that does nothing else: that would beat on while the work hangs.
    It never waits: a beat for which there is no room is lost, and the supervisor has had others.

    Returns:
        Whether somebody is told.
    """
    return _say("WATCHDOG=1", wait=False) | _beat()


def status(text: str) -> bool:
    """Say in a line how it is, for people: `status("serving 12 requests")`. It never waits.

    Returns:
        Whether somebody is told.
    """
    return _say(f"STATUS={' '.join(text.split())}", wait=False)


def stopping() -> bool:
    """Say that it is about to end by itself. It waits for room, for 5 s at most.

    Returns:
        Whether somebody is told.
    """
    return _say("STOPPING=1", wait=True)


def extend(seconds: float) -> bool:
    """Ask for so many seconds from now on until it is ready, if its `start_timeout` leaves less. It waits for room.

    Returns:
        Whether somebody is told.
    """
    return _say(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}", wait=True)


def interval() -> float | None:
    """How often to call `alive()`, in seconds: twice as often as it takes; `None`: nobody expects it."""
    value = os.environ.get("WATCHDOG_USEC", "")
    return int(value) / 2e6 if value.isdecimal() and int(value) else None


def dump_on(name: str = "SIGUSR1") -> bool:
    """Print the stack of every thread to standard error when that signal comes, also if Python is stuck.

    The supervisor asks for it when the child seems to hang, and keeps it with the exit.

    Returns:
        Whether that is possible: not on Windows.
    """
    is_possible = sys.platform != "win32"
    if sys.platform != "win32":
        faulthandler.register(signal.Signals[name], all_threads=True, chain=False)
    if sys.platform == "linux" and name not in _marks:
        # Whoever is to ask for it must know that the signal does not end us: this can be seen from outside, as long as
        # the handler is there, and no program that we execute has it.
        _marks[name] = os.memfd_create(f"regrow-dump-{name}", os.MFD_CLOEXEC)
    return is_possible


def _say(text: str, *, wait: bool) -> bool:
    address = os.environ.get("NOTIFY_SOCKET", "")
    is_told = False
    if sys.platform != "win32" and address[:1] in {"/", "@"}:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as teller, suppress(OSError):  # no room, nobody there
            teller.settimeout(_PATIENCE if wait else 0)
            teller.sendto(text.encode(), "\0" + address[1:] if address[0] == "@" else address)
            is_told = True
    return is_told


def _beat() -> bool:
    """The same through a pipe, which the shell can do, too."""
    number = os.environ.get("REGROW_HEARTBEAT_FD", "")
    is_told = False
    if sys.platform != "win32" and number.isdecimal():
        with suppress(OSError):  # no room, or nobody reads it any more
            os.set_blocking(int(number), False)
            is_told = os.write(int(number), b".") == 1
    return is_told
