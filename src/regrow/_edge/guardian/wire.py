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
4. Sends requests: a start is one message; so is an order, or any number of orders, one behind the other. An id is
   never used twice. A start carries the child's descriptors by `SCM_RIGHTS`: what is sent as number i is the child's
   number i, and /dev/null where there are fewer than three; one that is no more than a place (`O_PATH`) leaves its
   number free. If `Request.memory` is not None it is put into a memory file (`memfd_create`) whose descriptor is sent
   as the *last*. With `cgroup`, a descriptor of the leaf's directory goes before that; the supervisor makes and
   removes the leaf. The supervisor closes its copies when the message is sent. The socket is full when the nest is
   busy: wait for room.
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
terminated strings: directory, candidates, arguments, environment. If `fixed` is more than 64, settings come before the
strings: `user u32, group u32, io_priority u32, rlimits u32, cpus u32, groups u32` (the last three are counts), then for
each limit `resource u32, 0 u32, soft u64, hard u64`, then the CPUs, one bit each, in u64, then the groups, a u32 each,
then zeros up to a multiple of eight. A signal: `signal u32, to u32`. A record: `version u16, kind u16, flags u32, id
u64, pid i32, shim i32, status i32, stage u32, count u32, pad u32`, nine u64 of usage, two in reserve.
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
MOST_SETTINGS = 32 * 1024
"""Bytes for limits, CPUs and groups."""

_HEAD = struct.Struct("<HHIQ")
_START = struct.Struct("<8IIiQ")
_ORDER = struct.Struct("<II")
_SETTINGS = struct.Struct("<6I")
_RLIMIT = struct.Struct("<IIQQ")
_NEVER = 0xFFFFFFFF
_AND_CONTINUE = 4


class To(enum.IntEnum):
    """Whom a signal reaches."""

    MAIN = 0
    GROUP = 1
    """The main process's group; after the main process's end, those of its descendants who are in it."""

    TREE = 2
    """All descendants, as far as they can be found: only a kill is proven."""


class Stage(enum.IntEnum):
    """What could not be done.

    They come in this order: `NAMESPACE`, `FORK`, `CGROUP`, `TERMINAL`, `DESCRIPTORS`, `RLIMIT`,
    `NICE`, `IO_PRIORITY`, `AFFINITY`, `GROUPS`, `GROUP`, `USER`, `PRIVILEGES`, `DIRECTORY`, `EXEC`.
    """

    REQUEST = 1
    DESCRIPTORS = 2
    FORK = 3
    PRIVILEGES = 4
    NICE = 5
    DIRECTORY = 6
    EXEC = 7
    RLIMIT = 8
    IO_PRIORITY = 9
    AFFINITY = 10
    GROUPS = 11
    GROUP = 12
    USER = 13
    TERMINAL = 14
    CGROUP = 15
    NAMESPACE = 16


# -- requests ----------------------------------------------------------------------------------------------------------


class _Kind(enum.IntEnum):
    START = 1
    SIGNAL = 2
    KILL = 3
    DESTROY = 4


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
    """`NAME=value`, each; or several in one, with a NUL between them."""

    variables: int | None = None
    """How many the environment has, if they are not one each."""

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
    io_priority: int | None = None
    """As `ioprio_set` takes it."""

    affinity: Sequence[int] | None = None
    """The CPUs it may run on."""

    rlimits: Sequence[tuple[int, int, int]] = ()
    """Resource, soft and hard limit; `2**64 - 1` is none."""

    user: int | None = None
    group: int | None = None
    groups: Sequence[int] | None = None
    """The extra ones. Nothing of these three follows from another."""

    terminal: bool = False
    """Whether its first descriptor becomes its controlling terminal."""

    namespace: bool = False
    """Whether its tree lives in a pid namespace of its own: it sees other process ids than others see, its parent as
    0. /proc stays that of this machine, and tells the others' numbers. Without privileges it lives in a user namespace,
    too, in which nobody can become another user."""

    cgroup: bool = False
    """Whether the directory of its cgroup is sent with it."""


def start(wanted: Start) -> Request:
    """Ask for a child.

    Raises:
        ValueError: there is a NUL in a string, no program, no argument, or too many descriptors or settings.
    """
    strings = _strings(wanted)
    is_inline = len(strings) <= INLINE_LIMIT
    settings = _settings(wanted)
    fixed = _HEAD.size + _START.size + len(settings)
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
        _variables(wanted),
        wanted.umask or 0,
        wanted.nice or 0,
        len(strings),
    )
    head += settings
    return Request(message=head + strings) if is_inline else Request(message=head, memory=strings)


def send_signal(child: int, number: int, to: To, *, and_continue: bool = False) -> Request:
    """Ask for a signal. Nothing happens if the child is gone.

    Args:
        child: which one.
        number: the signal.
        to: whom it reaches.
        and_continue: whether SIGCONT follows: one that is stopped does not hear it before it goes on.
    """
    return _request(_Kind.SIGNAL, child, _ORDER.pack(number, to | (_AND_CONTINUE if and_continue else 0)))


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
    joined = b"\0".join((wanted.directory, *wanted.candidates, *wanted.arguments, *wanted.environment, *last, b""))
    if joined.count(b"\0") != 1 + len(wanted.candidates) + len(wanted.arguments) + _variables(wanted):
        raise ValueError("embedded null byte")
    return joined


def _variables(wanted: Start) -> int:
    count = len(wanted.environment) if wanted.variables is None else wanted.variables
    return count + wanted.listen_pid


def _settings(wanted: Start) -> bytes:
    """What few ask for: who does not is not to pay for it."""
    single = (wanted.user, wanted.group, wanted.io_priority)
    if single == (None, None, None) and wanted.groups is None and not wanted.rlimits and not wanted.affinity:
        return b""
    limits = [_RLIMIT.pack(resource, 0, soft, hard) for resource, soft, hard in wanted.rlimits]
    cpus, groups = _bits(wanted.affinity or ()), wanted.groups or ()
    settings = _SETTINGS.pack(*(number or 0 for number in single), len(limits), len(cpus) // 8, len(groups))
    settings += b"".join(limits) + cpus + struct.pack(f"<{len(groups)}I", *groups)
    if len(settings) > MOST_SETTINGS:
        raise ValueError("too many groups, limits or CPUs")
    return settings + bytes(-len(settings) % 8)


def _bits(numbers: Sequence[int]) -> bytes:
    bits = sum(1 << number for number in set(numbers))
    return bits.to_bytes(-(-bits.bit_length() // 64) * 8, "little")


def _wishes(wanted: Start, *, is_inline: bool) -> int:
    """The flags: bit 0 first."""
    wishes = (
        wanted.no_new_privs,
        not is_inline,
        wanted.listen_pid,
        wanted.umask is not None,
        wanted.nice is not None,
        wanted.user is not None,
        wanted.group is not None,
        wanted.groups is not None,
        wanted.io_priority is not None,
        wanted.terminal,
        wanted.namespace,
        wanted.cgroup,
    )
    return sum(1 << bit for bit, is_wanted in enumerate(wishes) if is_wanted)


def _milliseconds(seconds: float) -> int:
    return min(max(round(seconds * 1000), 0), _NEVER - 1)
