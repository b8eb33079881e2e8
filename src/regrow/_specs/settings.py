"""What the operating system is told of a process when it starts: who it is, what it may use, what it is given."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

import attrs

from regrow._specs import fields
from regrow._specs.check import Problem, gather
from regrow._specs.listen import ListenSocket, to_sockets
from regrow._specs.mappings import Frozen
from regrow._specs.rlimits import Pair, rlimits, to_rlimits

FIRST_FD = 3
"""The number of the first descriptor that a child is given besides its standard input, output and error."""

_OPTIONAL = attrs.validators.optional
_IO_PRIORITY = re.compile(r"(idle|best_effort(:[0-7])?|realtime:[0-7])\Z")
_IO_WORDS = ("idle", "best_effort", "best_effort:0", "best_effort:7", "realtime:0", "realtime:7")
_ACCOUNT = re.compile(r"[^\s:/,\0]{1,256}\Z")  # what `/etc/passwd` can hold, and a service that stands for it
_NOBODY_AT_ALL = 2**32 - 1  # what the kernel takes for *leave it as it is*


class HasFileno(Protocol):
    """An open file, a socket, or anything else that has a descriptor."""

    def fileno(self) -> int:
        """The number of the descriptor."""
        ...


Account: TypeAlias = str | int
"""A user or a group, by name or by number."""


def _to_affinity(value: Iterable[int] | int | None) -> frozenset[int] | None:
    return None if value is None else fields.to_codes(value)


def _to_groups(value: Iterable[Account] | None) -> tuple[Account, ...] | None:
    return None if value is None else fields.to_tuple(value)


def _to_fds(value: Mapping[int, int | HasFileno]) -> Mapping[int, int | HasFileno]:
    given: object = value
    return Frozen(value) if isinstance(given, Mapping) else value  # anything else is for `_check_fds` to refuse


def _check_umask(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"must be a whole number such as 0o027, not {value!r}")
    if not 0 <= value <= 0o777:
        raise ValueError(f"must be from 0 to 0o777, not {value:#o}")


def _check_io_priority(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, str) and _IO_PRIORITY.match(value):
        return
    near = difflib.get_close_matches(str(value), _IO_WORDS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{value!r} is not 'idle', 'best_effort:0' to 'best_effort:7', 'realtime:0' to 'realtime:7'{hint}")


def _check_affinity(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, frozenset):
        raise TypeError(f"must be a set of CPU numbers, not {value!r}")
    if not value:
        raise ValueError("must name a CPU; None stands for all that we may use")
    for number in value:
        if not _is_number(number, 0):
            raise ValueError(f"{number!r} is not the number of a CPU; they begin at 0")


def _check_account(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f"must be a name or a number, not {value!r}")
    if isinstance(value, int) and not 0 <= value < _NOBODY_AT_ALL:
        raise ValueError(f"{value} is not the number of a user or a group")
    if isinstance(value, str) and not _ACCOUNT.match(value):
        raise ValueError(f"{value!r} is not the name of a user or a group")


def _check_accounts(spec: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple):
        raise TypeError(f"must be a list of names or numbers, not {value!r}")
    for account in value:
        _check_account(spec, field, account)


def _check_fds(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"must be a mapping of the child's number to ours, such as {{3: file}}, not {value!r}")
    for number, ours in value.items():
        if not _is_number(number, FIRST_FD):
            raise ValueError(f"{number!r} is not a number of at least {FIRST_FD}; 0 to 2 are stdin, stdout and stderr")
        if not (_is_number(ours, 0) or callable(getattr(ours, "fileno", None))):
            raise TypeError(f"{number}: {ours!r} is neither a descriptor nor an open file")


def _is_number(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


@attrs.frozen(kw_only=True, field_transformer=gather)
class Settings:
    """The fields of a child that the operating system carries out. `None`: as they are for us."""

    umask: int | None = attrs.field(default=None, validator=_OPTIONAL(_check_umask))
    """The permissions that what it makes is not to have, such as `0o027`."""

    nice: int | None = attrs.field(default=None, validator=_OPTIONAL(fields.count(-20, 19)))
    """How much it gives way to others, from -20 to 19, the most patient; below ours takes a privilege."""

    io_priority: str | None = attrs.field(default=None, validator=_OPTIONAL(_check_io_priority))
    """Its turn at the disks: `"idle"`, `"best_effort:0"` (first) to `":7"` (last), `"realtime:0"` to `":7"`. Linux."""

    affinity: frozenset[int] | None = attrs.field(
        default=None, converter=_to_affinity, validator=_OPTIONAL(_check_affinity)
    )
    """The CPUs that it may run on, by number. Linux."""

    rlimits: Mapping[str, Pair] = attrs.field(factory=Frozen, converter=to_rlimits, validator=rlimits)
    """Limits that the kernel keeps, for each process: `{"NOFILE": 1024, "CORE": (0, None)}`.

    The names are those of `getrlimit` without `RLIMIT_`. A number is both limits, a pair the soft and the hard one,
    `None` no limit.
    """

    user: Account | None = attrs.field(default=None, validator=_OPTIONAL(_check_account))
    """Who it runs as, by name or number. Takes root."""

    group: Account | None = attrs.field(default=None, validator=_OPTIONAL(_check_account))
    """Its group, by name or number; `None`: that of the user, if one is given. Takes root."""

    extra_groups: tuple[Account, ...] | None = attrs.field(
        default=None, converter=_to_groups, validator=_OPTIONAL(_check_accounts)
    )
    """Its further groups; `None`: those of the user, if one is given; `()`: none. Takes root."""

    no_new_privs: bool = attrs.field(default=False, validator=fields.flag)
    """Whether neither it nor its descendants ever get more rights than it has: no `sudo`, no set-user-ID. Linux.

    So none of them gets out of our reach by changing its user.
    """

    sockets: tuple[ListenSocket, ...] = attrs.field(
        default=(), converter=to_sockets, validator=fields.each((ListenSocket,), "a ListenSocket or its address")
    )
    """Sockets that are opened for it and stay open while it is restarted; it finds them by `LISTEN_FDS`."""

    fds: Mapping[int, int | HasFileno] = attrs.field(factory=Frozen, converter=_to_fds, validator=_check_fds)
    """Descriptors that it inherits: its number to ours, or to an open file. It inherits no other.

    They must stay open as long as it may be started. Such a spec is local only.
    """

    terminal: bool = attrs.field(default=False, validator=fields.flag)
    """Whether it has a pseudo-terminal of its own: as controlling terminal, stdin, stdout and stderr.

    What it prints comes as stdout. Without this it has no controlling terminal at all.
    """

    def combinations(self) -> Iterator[Problem]:
        """What is impossible together."""
        yield from self._problems_of_sockets()
        last = FIRST_FD + len(self.sockets) - 1
        for number in sorted(number for number in self.fds if number <= last):
            yield Problem(".fds", f"{number} is a socket's: they have {FIRST_FD} to {last}; write {last + 1} or more")

    def _problems_of_sockets(self) -> Iterator[Problem]:
        for address, times in Counter(socket.address for socket in self.sockets if not _is_any_port(socket)).items():
            if times > 1:
                yield Problem(".sockets", f"{times} of them have the address {address}")


def _is_any_port(socket: ListenSocket) -> bool:
    return socket.path is None and socket.port == 0
