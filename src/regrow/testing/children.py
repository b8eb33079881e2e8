"""A gallery of small programs that behave in one certain way, badly for the most part.

Each function returns the command that runs the program of its name: `ChildSpec(name="w", command=children.exits(3))`.
A program starts in a few milliseconds. One whose behaviour depends on a handler or a descendant says so on its standard
output when that is in place (`armed`, `listening`, `member PID`): wait for it, or the race is yours. `FakeLauncher`
understands every command of the gallery, so one test can be run with fakes and with real processes.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from regrow.testing._programs.plain import crash_after, flood

__all__ = [
    "MISSING",
    "beats",
    "crash_after",
    "crashes_sometimes",
    "describes_itself",
    "dies_of",
    "exits",
    "flood",
    "floods",
    "holds_output",
    "ignores_sigterm",
    "leaves",
    "leaves_group_member",
    "leaves_when_terminated",
    "listens",
    "missing",
    "not_executable",
    "parse",
    "prints",
    "prints_environment",
    "reads_stdin",
    "sends",
    "serves_sockets",
    "shows_signals",
    "shows_user",
    "sleeps",
    "stops_slowly",
    "tells_signals",
    "works",
    "writes_to",
]

_FOLDER = Path(__file__).parent / "_programs"
_PREFIX = (sys.executable, "-I", "-S")
_SHOW_USER = 'echo "user=$(id -u) group=$(id -g) extra_groups=$(id -G)"'
MISSING = str(_FOLDER / "no-such-folder" / "no-such-program")
"""A path at which there is nothing: no program, and no directory either."""


# -- the commands ------------------------------------------------------------------------------------------------------


def sleeps() -> list[str]:
    """Sleeps for ever; any signal ends it."""
    return _command("sleeps")


def exits(code: int = 0, after: float = 0.0) -> list[str]:
    """Exits with *code*, *after* some seconds."""
    return _command("exits", code, after)


def dies_of(signal: str, after: float = 0.0) -> list[str]:
    """Is ended by the signal of that name, *after* some seconds. It leaves no core."""
    return _command("dies_of", signal, after)


def prints(lines: Iterable[str], stream: str = "stdout", then_exits: int | None = 0) -> list[str]:
    """Prints *lines*, then exits with the code *then_exits*; `None`: sleeps for ever."""
    return _command("prints", stream, "" if then_exits is None else then_exits, *lines)


def floods(size: int, stream: str = "stdout", code: int = 0) -> list[str]:
    """Prints *size* bytes as fast as they are taken (see `flood`), then exits with *code*."""
    return _command("floods", size, stream, code)


def ignores_sigterm() -> list[str]:
    """Ignores SIGTERM, says `armed`, sleeps for ever."""
    return _command("ignores_sigterm")


def stops_slowly(seconds: float) -> list[str]:
    """Says `armed`; on SIGTERM it still works for some *seconds*, then exits with 0."""
    return _command("stops_slowly", seconds)


def listens(port: int, after: float = 0.0) -> list[str]:
    """Accepts TCP connections at *port* of 127.0.0.1 *after* some seconds, says `listening`, and serves for ever."""
    return _command("listens", port, after)


def reads_stdin() -> list[str]:
    """Prints what it reads, and exits with 0 at the end of its input."""
    return _command("reads_stdin")


def holds_output(seconds: float = 60.0) -> list[str]:
    """Exits with 0 at once and leaves a descendant in a session of its own that holds the output pipes.

    It holds them until its standard input ends, at most for some *seconds*; so give it `stdin="pipe"`.
    """
    return _command("holds_output", seconds, file="families")


def leaves(kind: str = "group", *, stays: bool = False, lasts: float = 3600.0) -> list[str]:
    """Says `member PID` and exits with 0; that one ignores SIGTERM, and ends after it has lasted so many seconds.

    Args:
        kind: where the member is: in the `group` of the main process; in a `session` of its own; there, as a `daemon`
            that was forked twice and has another program and an empty environment; there, and `stopped` by SIGSTOP.
        stays: it does not exit by itself, and any signal ends it.
        lasts: the seconds.
    """
    return _command("leaves", kind, int(stays), lasts, file="families")


def leaves_group_member(stays: bool = False) -> list[str]:
    """The same with a member of its group."""
    return leaves("group", stays=stays)


def leaves_when_terminated() -> list[str]:
    """Says `armed`; on SIGTERM it makes one that sleeps for ever in a session of its own, says `member PID`, exits."""
    return _command("leaves_when_terminated", file="families")


def tells_signals(names: Iterable[str]) -> list[str]:
    """Says `armed PID PID`; for each of these signals that it hears, `main SIGNAL`.

    So do these two descendants, `group SIGNAL` and `session SIGNAL`: one in its group, one in a session of its own.
    """
    return _command("tells_signals", *names, file="families")


def works(seconds: float) -> list[str]:
    """Uses so many *seconds* of CPU, then exits with 0."""
    return _command("works", seconds)


def describes_itself(words: Iterable[str]) -> list[str]:
    """Prints a line `WORD=value` for each word, then exits with 0.

    The words are those of the fields `umask`, `nice`, `affinity`, `io_priority`, `no_new_privs`; the name of a limit,
    such as `NOFILE`; `descriptors`, those that are open; `terminal`, which of 0 to 2 are its controlling terminal, or
    `none`; `session`, whether it leads its `own`, or is in `another`.
    """
    return _command("describes_itself", *words, file="settings")


def serves_sockets() -> list[str]:
    """Says `pid right names NAMES at ADDRESSES`, of the sockets that it was given, and serves them for ever.

    To whoever connects it says which incarnation it is.
    """
    return _command("serves_sockets", file="settings")


def writes_to(number: int, text: str) -> list[str]:
    """Writes *text* to its descriptor of this number, then exits with 0."""
    return _command("writes_to", number, text, file="settings")


def shows_signals() -> list[str]:
    """Prints the lines `SigBlk` and `SigIgn` of its `/proc/self/status`. Linux only; no Python, which ignores some."""
    return ["grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"]


def shows_user() -> list[str]:
    """Prints `user=UID group=GID extra_groups=GID ...`. No Python, which other users may not have."""
    return ["sh", "-c", _SHOW_USER]


def crashes_sometimes(chance: float, every: float = 1.0, code: int = 1, seed: int = 0) -> list[str]:
    """Exits with *code* with this *chance* after *every* so many seconds (see `crash_after`)."""
    return _command("crashes_sometimes", chance, every, code, seed)


def prints_environment(names: Iterable[str]) -> list[str]:
    """Prints a line `NAME=value` for each of the variables that is there, then exits with 0."""
    return _command("prints_environment", *names)


def beats(every: float, lasts: float = math.inf, via: str = "notify") -> list[str]:
    """Beats at once and then *every* so many seconds, as long as it *lasts*; then it sleeps for ever, as if it hung.

    Args:
        every: the seconds.
        lasts: for how many seconds from its start on; 0: it beats once.
        via: `notify` or `pipe`, as its `Heartbeat` says.
    """
    return _command("beats", every, lasts, via)


def sends(signal: str) -> list[str]:
    """Sends a signal to the process of `REGROW_PID`, then exits with 0: for a `Run` step."""
    return _command("sends", signal)


def missing() -> list[str]:
    """Cannot be run: there is no such program (ENOENT)."""
    return [MISSING]


def not_executable() -> list[str]:
    """Cannot be run: there is such a file, but it is no program (EACCES)."""
    return [__file__]


# -- what a fake has to know of them -----------------------------------------------------------------------------------


def parse(command: Sequence[str]) -> tuple[str, ...]:
    """The word and the arguments of a command of the gallery; empty for any other command."""
    if list(command) in (shows_signals(), shows_user()):
        return (command[0],)
    is_ours = tuple(command[1:3]) == _PREFIX[1:] and len(command) > 4 and Path(command[3]).parent == _FOLDER
    return tuple(command[4:]) if is_ours else ()


def _command(word: str, *arguments: object, file: str = "plain") -> list[str]:
    return [*_PREFIX, str(_FOLDER / f"{file}.py"), word, *map(str, arguments)]
