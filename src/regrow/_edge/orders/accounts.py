"""Users and groups by name. The system may ask a network for them: not on the event loop."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import errno
import grp
import os
import pwd

import attrs

from regrow._edge.orders.refusals import RefusedError
from regrow._edge.orders.setup import Who
from regrow._specs.protocol import NotLaunched, Refusal
from regrow._specs.settings import Account


@attrs.frozen(kw_only=True)
class Identity:
    """Whom a process is to be, in numbers; `None`: as we are."""

    user: int | None
    group: int | None
    groups: tuple[int, ...] | None


def identify(who: Who) -> Identity:
    """Look *who* up.

    Raises:
        RefusedError: there is nobody of that name.
    """
    entry = None if who.user is None else _user(who.user)
    user = who.user if entry is None else entry.pw_uid
    assert not isinstance(user, str)
    group = entry.pw_gid if entry is not None and who.group is None else _group(who.group)
    return Identity(user=user, group=group, groups=_groups(who, entry, group))


def _groups(who: Who, entry: pwd.struct_passwd | None, group: int | None) -> tuple[int, ...] | None:
    if who.extra_groups is not None:
        found = (_group(name) for name in who.extra_groups)
        return tuple(number for number in found if number is not None)
    if entry is not None and group is not None:
        return tuple(os.getgrouplist(entry.pw_name, group))
    return None if who.user is None else ()  # a number without a name has no further groups, and not ours


def _user(user: Account) -> pwd.struct_passwd | None:
    """`None`: a number that has no name."""
    try:
        return pwd.getpwnam(user) if isinstance(user, str) else pwd.getpwuid(user)
    except KeyError:
        if isinstance(user, str):
            raise _nobody("user", user) from None
        return None


def _group(group: Account | None) -> int | None:
    if not isinstance(group, str):
        return group
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise _nobody("group", group) from None


def _nobody(kind: str, name: str) -> RefusedError:
    why = f"there is no {kind} {name!r} on this machine"
    return RefusedError(NotLaunched(refusal=Refusal.PROGRAM, why=why, errno=errno.ENOENT))
