"""What of a spec the operating system is told when a process starts, in its own numbers."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import resource
from operator import attrgetter

import attrs

from regrow._specs.child import ChildSpec
from regrow._specs.containment import Containment
from regrow._specs.listen import ListenSocket
from regrow._specs.rlimits import Pair
from regrow._specs.settings import Account, HasFileno, Settings

UNLIMITED = 2**64 - 1
"""What the kernel takes for no limit."""

_IO_CLASSES = {"realtime": 1, "best_effort": 2, "idle": 3}  # linux/ioprio.h
_IO_SHIFT = 13
_USUAL_LEVEL = 4


@attrs.frozen(kw_only=True)
class Who:
    """Whom a process is to be: names as they were given, looked up where that may block."""

    user: Account | None
    group: Account | None
    extra_groups: tuple[Account, ...] | None

    def __str__(self) -> str:
        return f"user {self.user!r}" if self.group is None else f"user {self.user!r}, group {self.group!r}"


@attrs.frozen(kw_only=True)
class Setup:
    """How a process is to differ from us. Plain values, that any thread may read."""

    umask: int | None = None
    nice: int | None = None
    io_priority: int | None = None
    """As `ioprio_set` takes it."""

    affinity: tuple[int, ...] | None = None
    rlimits: tuple[tuple[int, int, int], ...] = ()
    """Resource, soft, hard; `UNLIMITED` for none."""

    who: Who | None = None
    no_new_privs: bool = False
    terminal: bool = False
    namespace: bool = False
    proven: bool = False
    """Whether it demands the surest end that there is."""

    sockets: tuple[ListenSocket, ...] = ()
    fds: tuple[tuple[int, int | HasFileno], ...] = ()
    """The child's numbers, and what they are."""


PLAIN = Setup()
"""As we are."""


def setup_of(spec: ChildSpec) -> Setup:
    """How *spec* wants it. A limit that this system does not have is left out: `abilities` has refused it."""
    has_who = spec.user is not None or spec.group is not None or spec.extra_groups is not None
    return Setup(
        umask=spec.umask,
        nice=spec.nice,
        io_priority=None if spec.io_priority is None else to_io_priority(spec.io_priority),
        affinity=None if spec.affinity is None else tuple(sorted(spec.affinity)),
        rlimits=tuple(_limit(name, pair) for name, pair in spec.rlimits.items() if has_limit(name)),
        who=Who(user=spec.user, group=spec.group, extra_groups=spec.extra_groups) if has_who else None,
        no_new_privs=spec.no_new_privs,
        terminal=spec.terminal,
        namespace=spec.containment is Containment.NAMESPACE,
        proven=spec.containment is Containment.PROVEN,
        sockets=spec.sockets,
        fds=tuple(sorted(spec.fds.items(), key=lambda item: item[0])),
    )


def is_plain(spec: ChildSpec) -> bool:
    """Whether *spec* wants nothing special: most do not, and looking is cheaper than making a setup."""
    return not spec.rlimits and not spec.fds and _wishes(spec) == _NO_WISHES


_MAPPINGS = {"rlimits", "fds"}  # slow to compare, and empty or not
_wishes = attrgetter("containment", *(field.name for field in attrs.fields(Settings) if field.name not in _MAPPINGS))
_NO_WISHES = _wishes(ChildSpec(name="plain", command=["true"]))


def for_errand(setup: Setup) -> Setup:
    """The same for a command that helps to stop it: as the same user, but with nothing of its own."""
    if setup is PLAIN:
        return PLAIN
    return Setup(umask=setup.umask, who=setup.who, no_new_privs=setup.no_new_privs)


def has_limit(name: str) -> bool:
    """Whether this system has a limit of that name."""
    return hasattr(resource, f"RLIMIT_{name}")


def to_io_priority(words: str) -> int:
    """What `ioprio_set` calls `best_effort:3`."""
    name, _, level = words.partition(":")
    return _IO_CLASSES[name] << _IO_SHIFT | (0 if name == "idle" else int(level or _USUAL_LEVEL))


def _limit(name: str, pair: Pair) -> tuple[int, int, int]:
    soft, hard = (UNLIMITED if limit is None else limit for limit in pair)
    return getattr(resource, f"RLIMIT_{name}"), soft, hard
