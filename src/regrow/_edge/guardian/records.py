"""What guardians tell, as values. `wire` says when each is told."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import attrs

from regrow._edge.guardian.wire import VERSION, Stage

_RECORD = struct.Struct("<HHIQiiiIII9Q16x")
SIZE = _RECORD.size


_HAS_CHILDREN_FILE, _HAS_PIDFD, _WAS_STOPPED, _LEFT_SOME = 1, 2, 4, 8  # flags


@attrs.frozen(kw_only=True)
class Usage:
    """What was used up. Times in seconds, `maximum` (the most memory of one process) in bytes."""

    user: float
    system: float
    maximum: int
    minor_faults: int
    major_faults: int
    blocks_in: int
    blocks_out: int
    voluntary_switches: int
    involuntary_switches: int


@attrs.frozen(kw_only=True)
class Hello:
    """The nest is there."""

    pid: int
    has_children_file: bool
    """Whether /proc lists children; else a stop takes longer, and `To.TREE` reaches group and children only."""

    has_pidfd: bool


@attrs.frozen(kw_only=True)
class Launched:
    """A program runs: its exec has succeeded."""

    id: int
    pid: int
    shim: int


@attrs.frozen(kw_only=True)
class Failed:
    """A program does not run, and nothing is left of the attempt."""

    id: int
    stage: Stage
    errno: int
    candidate: int
    """Which of the candidates that is about, if at `Stage.EXEC`."""


@attrs.frozen(kw_only=True)
class Exited:
    """A main process has ended."""

    id: int
    pid: int
    status: int
    """As `os.wait4` gives it: with the signal, and whether there was a core dump."""

    was_stopped: bool
    """Whether a kill had been asked for before."""

    used: tuple[int, ...] = attrs.field(repr=False)

    @property
    def usage(self) -> Usage:
        """Of it, and of those of its descendants that it has waited for."""
        return _usage(self.used)


@attrs.frozen(kw_only=True)
class Gone:
    """Nothing is left of a tree."""

    id: int
    pid: int
    status: int
    """The main process's, once more."""

    was_stopped: bool
    strays: int
    """How many descendants had to be killed."""

    left_some: bool
    """Whether processes out of reach are left after all; only when nobody waits for them any more."""

    used: tuple[int, ...] = attrs.field(repr=False)

    @property
    def usage(self) -> Usage:
        """Of the whole tree."""
        return _usage(self.used)


@attrs.frozen(kw_only=True)
class OutOfReach:
    """All that is left of a tree is not ours to kill: another user's. Its shim waits for it."""

    id: int
    pid: int
    """One of them."""

    count: int


@attrs.frozen(kw_only=True)
class Stuck:
    """A tree was killed `stuck_after` seconds ago and is still there. Its shim goes on."""

    id: int
    count: int


@attrs.frozen(kw_only=True)
class Lost:
    """A shim was killed, and its tree has been ended by the nest. How the main process ended is not known."""

    id: int


@attrs.frozen(kw_only=True)
class Refused:
    """A request other than a start that was not carried out."""

    id: int
    errno: int


Record: TypeAlias = Hello | Launched | Failed | Exited | Gone | OutOfReach | Stuck | Lost | Refused


class _Fields(NamedTuple):
    version: int
    kind: int
    flags: int
    id: int
    pid: int
    shim: int
    status: int
    stage: int
    items: int
    usage: tuple[int, ...]


def decode(data: bytes) -> Iterator[Record]:
    """The records in what was read from the pipe; its length is a multiple of `SIZE`.

    Raises:
        ValueError: this is no record of this version.
    """
    for values in _RECORD.iter_unpack(data):
        fields = _Fields._make((*values[:9], values[10:]))
        if fields.version != VERSION:
            raise ValueError(f"a record of version {fields.version}, not {VERSION}")
        yield _record(fields)


def _record(a: _Fields) -> Record:
    match a.kind:
        case 1:
            has_file, has_pidfd = bool(a.flags & _HAS_CHILDREN_FILE), bool(a.flags & _HAS_PIDFD)
            return Hello(pid=a.pid, has_children_file=has_file, has_pidfd=has_pidfd)
        case 2:
            return Launched(id=a.id, pid=a.pid, shim=a.shim)
        case 3:
            return Failed(id=a.id, stage=Stage(a.stage), errno=a.status, candidate=a.items)
        case 4:
            return Exited(id=a.id, pid=a.pid, status=a.status, was_stopped=bool(a.flags & _WAS_STOPPED), used=a.usage)
        case 5:
            return Gone(
                id=a.id,
                pid=a.pid,
                status=a.status,
                was_stopped=bool(a.flags & _WAS_STOPPED),
                strays=a.items,
                left_some=bool(a.flags & _LEFT_SOME),
                used=a.usage,
            )
        case 6:
            return OutOfReach(id=a.id, pid=a.pid, count=a.items)
        case 7:
            return Stuck(id=a.id, count=a.items)
        case 8:
            return Lost(id=a.id)
        case 9:
            return Refused(id=a.id, errno=a.status)
        case _:
            raise ValueError(f"a record of unknown kind {a.kind}")


def _usage(values: tuple[int, ...]) -> Usage:
    user, system, maximum, minor, major, blocks_in, blocks_out, voluntary, involuntary = values
    return Usage(
        user=user / 1e6,
        system=system / 1e6,
        maximum=maximum * 1024,
        minor_faults=minor,
        major_faults=major,
        blocks_in=blocks_in,
        blocks_out=blocks_out,
        voluntary_switches=voluntary,
        involuntary_switches=involuntary,
    )
