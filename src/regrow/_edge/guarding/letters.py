"""An order in the words of the guardians, and their refusal in ours."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import errno
import os
import resource
from typing import Any

import attrs

from regrow._edge.guardian import records, wire
from regrow._edge.guardian.wire import Stage
from regrow._edge.orders import refusals
from regrow._edge.orders.accounts import Identity
from regrow._edge.orders.order import Order
from regrow._edge.orders.setup import PLAIN, Setup
from regrow._specs.protocol import NotLaunched, Refusal

_DEFAULT_PATH = os.fsencode(os.defpath)
_STUCK_SHARE = 0.8
"""Of the wait after a kill: a shim that lives has told of any trouble before that wait is over."""


def to_wire(
    order: Order, child: int, descriptors: int, identity: Identity | None, *, has_leaf: bool = False
) -> wire.Start:
    """What to ask the guardians for.

    Raises:
        OSError: our own working directory is gone.
    """
    environment, variables = order.env.words()
    return wire.Start(
        id=child,
        arguments=order.command,
        environment=environment,
        variables=variables,
        candidates=candidates(order),
        directory=directory(order),
        descriptors=descriptors,
        linger=None if order.strays == "keep" else order.strays,
        stuck_after=order.kill_wait * _STUCK_SHARE,
        cgroup=has_leaf,
        **({} if order.setup is PLAIN else _special(order.setup, identity)),
    )


def _special(setup: Setup, identity: Identity | None) -> dict[str, Any]:
    """What is asked for only if somebody wants it."""
    wanted: dict[str, Any] = {
        "umask": setup.umask,
        "nice": setup.nice,
        "no_new_privs": setup.no_new_privs,
        "rlimits": setup.rlimits,
        "affinity": setup.affinity,
        "io_priority": setup.io_priority,
        "terminal": setup.terminal,
        "namespace": setup.namespace,
        "listen_pid": bool(setup.sockets),
    }
    if identity is not None:
        wanted |= {"user": identity.user, "group": identity.group, "groups": identity.groups}
    return wanted


def candidates(order: Order) -> list[bytes]:
    """Where its program may be: as `execvp` in the child would look for it."""
    program = order.command[0]
    if b"/" in program:
        return [program]
    path = order.env.get(b"PATH", _DEFAULT_PATH)
    return [(entry or b".") + b"/" + program for entry in path.split(b":")]


def directory(order: Order) -> bytes:
    """Absolute: the guardians have not followed us wherever we have gone since they were started."""
    if order.cwd is not None and order.cwd.startswith("/"):
        return os.fsencode(order.cwd)
    return os.path.join(os.getcwdb(), os.fsencode(order.cwd or ""))


_FIELDS = {
    Stage.NICE: "nice",
    Stage.IO_PRIORITY: "io_priority",
    Stage.AFFINITY: "affinity",
    Stage.GROUPS: "extra_groups",
    Stage.GROUP: "group",
    Stage.USER: "user",
    Stage.TERMINAL: "terminal",
    Stage.PRIVILEGES: "no_new_privs",
    Stage.NAMESPACE: "containment='namespace'",
    Stage.CGROUP: "its control group",
}
"""What in a spec asks for what could not be done."""

_HINTS = {
    errno.EPERM: "that takes root, or a right that we have not",
    errno.EACCES: "that takes root, or a right that we have not",
    errno.EINVAL: "this system does not take it",
    errno.ENOSPC: "there are too many of them; see /proc/sys/user",
}


def explain(failed: records.Failed, order: Order) -> NotLaunched:
    """What *failed* means. Looks at files: not on the event loop."""
    words = os.strerror(failed.errno)
    if failed.stage is Stage.EXEC:
        return _as_whom(_no_program(OSError(failed.errno, words), failed, order), order)
    if failed.stage is Stage.DIRECTORY:
        return _as_whom(_refusal(f"cwd {order.cwd or os.getcwd()!r} cannot be entered: {words}", failed), order)
    if failed.stage is Stage.RLIMIT:
        return _refusal(f"rlimits: {_limit(order, failed.candidate)} cannot be set: {_hint(failed)}", failed)
    if field := _FIELDS.get(failed.stage):
        return _refusal(f"{field} cannot be had: {_hint(failed)}", failed)
    return refusals.explain(OSError(failed.errno, words), order.program, order.cwd)


def _refusal(why: str, failed: records.Failed) -> NotLaunched:
    return NotLaunched(refusal=Refusal.PROGRAM, why=why, errno=failed.errno)


def _hint(failed: records.Failed) -> str:
    words = os.strerror(failed.errno)
    return f"{words}: {_HINTS[failed.errno]}" if failed.errno in _HINTS else words


def _limit(order: Order, which: int) -> str:
    number, soft, hard = order.setup.rlimits[which]
    name = next(name for name in dir(resource) if name.startswith("RLIMIT_") and getattr(resource, name) == number)
    return f"{name.removeprefix('RLIMIT_')} to {soft}, {hard}"


def _as_whom(answer: NotLaunched, order: Order) -> NotLaunched:
    """A file that we may use is not always one that others may."""
    if order.setup.who is None or answer.errno != errno.EACCES:
        return answer
    return attrs.evolve(answer, why=f"{answer.why} (as {order.setup.who})")


def _no_program(error: OSError, failed: records.Failed, order: Order) -> NotLaunched:
    if b"/" not in order.command[0] and failed.errno in {errno.ENOENT, errno.EACCES, errno.ENOTDIR}:
        try:
            refusals.find_program(order.program, order.env, order.cwd)
        except refusals.RefusedError as refused:
            return refused.answer
    error.filename = os.fsdecode(candidates(order)[failed.candidate])
    return refusals.explain(error, order.program, order.cwd)
