"""What supervisor and guardians say to each other: bytes to values and back. No sockets, no processes.

What the supervisor does
------------------------
1. Makes a `SOCK_SEQPACKET` pair for requests, a pipe for records, and the *life pipe*; all close-on-exec.
2. Starts the nest: `GUARDIAN CONTROL EVENTS LIFE PID`, which are the numbers of the nest's end of the socket pair, of
   the write end of the records' pipe, of the read end of the life pipe, and the supervisor's own process id; these
   three descriptors are passed on and no other (`Popen(pass_fds=..., start_new_session=True)`). The nest is the
   supervisor's child, to be reaped like any other. `GUARDIAN` is the compiled `guardian.c`, or `python -I -S
   guardian.py`.
3. Closes its copies of these three. It keeps, and never passes on: the control socket, the read end of the records'
   pipe (not blocking, if it likes), and the write end of the life pipe, which is never written to.
4. Sends requests, one message each; an id is never used twice. A start carries the child's descriptors by
   `SCM_RIGHTS`: what is sent as number i is the child's number i, and /dev/null where there are fewer than three. If
   `Request.memory` is not None it is put into a memory file (`memfd_create`) whose descriptor is sent as the *last*.
   The supervisor closes its copies when the message is sent. The socket is full when the nest is busy: wait for room.
5. Reads records, a multiple of `records.SIZE` bytes at a time. There is one `Hello` first. Then, for each id: exactly
   one of `Launched`, `Failed`; after `Launched` one `Exited` (the main process is dead) and one `Gone` (the whole tree
   is: nothing of it is left, the shim is about to end). `Lost` may come instead of anything not told yet: the shim was
   killed, and all that it left has been ended by the nest. `OutOfReach` and `Stuck` come at most once for an id,
   before the end. What is told about an id after its end (a shim destroyed in its last moment) means nothing.
6. May close the control socket: no start any more, all trees are killed, told, and the nest ends. When the last
   guardian has ended, the records' pipe is at its end: that is the proof that nothing is left. If it closes the life
   pipe or dies, all is killed in the same way, and nobody waits for records to be read.
7. If the nest dies (its socket hangs up), each shim kills its tree, tells it as usual, and ends. Wait for the end of
   the records' pipe; what has no `Gone` by then is lost. Then a new nest can be started.

Messages: all numbers little-endian; a request begins with `version u16, kind u16, length u32, id u64`. A start goes on
with `fixed u32` (where the strings begin: a later version may say more before them), `flags u32, linger_ms u32,
stuck_ms u32, descriptors u32, candidates u32, arguments u32, variables u32, umask u32, nice i32, bytes u64`, then NUL-
terminated strings: directory, candidates, arguments, environment. A signal: `signal u32, to u32`. A record: `version
u16, kind u16, flags u32, id u64, pid i32, shim i32, status i32, stage u32, count u32, pad u32`, nine u64 of usage, two
in reserve.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence

import attrs

VERSION = 1
INLINE_LIMIT = 64 * 1024
"""Strings of more bytes than this travel in a memory file."""

MOST_DESCRIPTORS = 250
_HEAD = struct.Struct("<HHIQ")
_START = struct.Struct("<8IIiQ")
_ORDER = struct.Struct("<II")
_NEVER = 0xFFFFFFFF


class To(enum.IntEnum):
    """Whom a signal reaches."""

    MAIN = 0
    GROUP = 1
    """The main process's group; after the main process's end, those of its descendants who are in it."""

    TREE = 2
    """All descendants, as far as they can be found: only a kill is proven."""


class Stage(enum.IntEnum):
    """What could not be done."""

    REQUEST = 1
    DESCRIPTORS = 2
    FORK = 3
    PRIVILEGES = 4
    NICE = 5
    DIRECTORY = 6
    EXEC = 7


# -- requests ----------------------------------------------------------------------------------------------------------


class _Kind(enum.IntEnum):
    START = 1
    SIGNAL = 2
    KILL = 3
    DESTROY = 4


class _Wish(enum.IntFlag):
    NO_NEW_PRIVS = 1
    STRINGS_IN_MEMFD = 2
    TELL_LISTEN_PID = 4
    SET_UMASK = 8
    SET_NICE = 16


@attrs.frozen(kw_only=True)
class Request:
    """What to send."""

    message: bytes
    memory: bytes | None = None
    """What to put into a memory file, whose descriptor goes last."""


@attrs.frozen(kw_only=True)
class Start:
    """A child to start."""

    id: int = attrs.field(validator=attrs.validators.gt(0))
    arguments: Sequence[bytes]
    environment: Sequence[bytes]
    """`NAME=value`, each."""

    candidates: Sequence[bytes]
    """Where the program may be, tried in this order, as `execvp` does: relative ones from `directory`."""

    directory: bytes = b""
    """Where it runs; empty: where the nest was started."""

    descriptors: int = 3
    """How many are sent with it, without the memory file's."""

    linger: float | None = 0.0
    """For how many seconds strays may go on when the main process has ended; `None`: for ever, or until killed."""

    stuck_after: float = 5.0
    """Seconds after a kill until what is still there is reported as stuck."""

    no_new_privs: bool = False
    listen_pid: bool = False
    """Whether to add `LISTEN_PID`, the child's own process id, to its environment."""

    umask: int | None = None
    nice: int | None = None


def start(wanted: Start) -> Request:
    """Ask for a child.

    Raises:
        ValueError: there is a NUL in a string, no program, no argument, or there are too many descriptors.
    """
    strings = _strings(wanted)
    is_inline = len(strings) <= INLINE_LIMIT
    fixed = _HEAD.size + _START.size
    length = fixed + (len(strings) if is_inline else 0)
    head = _HEAD.pack(VERSION, _Kind.START, length, wanted.id)
    head += _START.pack(
        fixed,
        _wishes(wanted, is_inline=is_inline),
        _NEVER if wanted.linger is None else _milliseconds(wanted.linger),
        _milliseconds(wanted.stuck_after),
        wanted.descriptors,
        len(wanted.candidates),
        len(wanted.arguments),
        len(wanted.environment) + wanted.listen_pid,
        wanted.umask or 0,
        wanted.nice or 0,
        len(strings),
    )
    return Request(message=head + strings) if is_inline else Request(message=head, memory=strings)


def send_signal(child: int, number: int, to: To) -> Request:
    """Ask for a signal. Nothing happens if the child is gone."""
    return _request(_Kind.SIGNAL, child, _ORDER.pack(number, to))


def kill(child: int) -> Request:
    """Ask for the end of a whole tree, at once. It is told by `Gone`."""
    return _request(_Kind.KILL, child)


def destroy(child: int) -> Request:
    """Have the nest kill a shim that does not answer, and then all that it guarded. It is told by `Lost`."""
    return _request(_Kind.DESTROY, child)


def _request(kind: _Kind, child: int, body: bytes = b"") -> Request:
    return Request(message=_HEAD.pack(VERSION, kind, _HEAD.size + len(body), child) + body)


def _strings(wanted: Start) -> bytes:
    if not wanted.candidates or not wanted.arguments:
        raise ValueError("a start needs a program and an argument")
    if not 0 <= wanted.descriptors <= MOST_DESCRIPTORS:
        raise ValueError(f"{wanted.descriptors} descriptors: at most {MOST_DESCRIPTORS} can be sent")
    last = [b"LISTEN_PID="] * wanted.listen_pid  # the number is added by the child itself
    strings = [wanted.directory, *wanted.candidates, *wanted.arguments, *wanted.environment, *last]
    joined = b"\0".join(strings) + b"\0"
    if joined.count(b"\0") != len(strings):
        raise ValueError("embedded null byte")
    return joined


def _wishes(wanted: Start, *, is_inline: bool) -> int:
    wishes = _Wish(0)
    if wanted.no_new_privs:
        wishes |= _Wish.NO_NEW_PRIVS
    if not is_inline:
        wishes |= _Wish.STRINGS_IN_MEMFD
    if wanted.listen_pid:
        wishes |= _Wish.TELL_LISTEN_PID
    if wanted.umask is not None:
        wishes |= _Wish.SET_UMASK
    if wanted.nice is not None:
        wishes |= _Wish.SET_NICE
    return wishes


def _milliseconds(seconds: float) -> int:
    return min(max(round(seconds * 1000), 0), _NEVER - 1)
