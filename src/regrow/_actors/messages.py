"""What actors tell a supervisor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import attrs

from regrow._actors.mailbox import Request
from regrow._decisions.calls import VERBS, Call
from regrow._decisions.entries import Remains
from regrow._specs.exit import Exit
from regrow._specs.supervisor import AnySupervisorSpec, join
from regrow.exceptions import SupervisorEndedError


@attrs.frozen
class Up:
    """The child is ready."""

    name: str


@attrs.frozen
class Completed:
    """The child, whose readiness is its completion, has ended well."""

    name: str
    exit: Exit


@attrs.frozen
class Gone:
    """The incarnation of the child is over, or never came to be."""

    name: str
    exit: Exit


@attrs.frozen
class StillThere:
    """The child is stuck: it, or a stray of it."""

    name: str
    remains: Remains


@attrs.frozen
class Due:
    """The backoff of the child is over."""

    name: str
    token: int


@attrs.frozen(eq=False)
class Ask:
    """A management call."""

    call: Call
    request: Request[None]

    @property
    def name(self) -> str:
        return self.call.name


@attrs.frozen
class Withdraw:
    """Whoever asked was cancelled: take the start back."""

    ask: Ask

    @property
    def name(self) -> str:
        return self.ask.name


@attrs.frozen(eq=False)
class Adopt:
    """Take over this spec: its settings and its order."""

    spec: AnySupervisorSpec
    request: Request[None]


@attrs.frozen(eq=False)
class Respec:
    """The supervisor *name*, or something below it, was given a new spec: keep it for the next incarnation."""

    name: str
    spec: AnySupervisorSpec
    request: Request[None]


@attrs.frozen(eq=False)
class Retire:
    """These entries are about to be stopped for good: no group restart starts them any more."""

    names: tuple[str, ...]
    request: Request[None]
    really: bool = True
    """False: it does not come to that, they are as before."""


@attrs.frozen
class ShutDown:
    """Stop everything, and end."""


ChildMessage: TypeAlias = Up | Completed | Gone | StillThere
Message: TypeAlias = ChildMessage | Due | Ask | Withdraw | Adopt | Respec | Retire | ShutDown


def dismiss(unread: Iterable[Message], path: str) -> None:
    """The supervisor at *path* has ended: whoever waits for an answer to one of these is told so."""
    for message in unread:
        if not isinstance(message, Ask | Adopt | Respec | Retire) or message.request.is_answered:
            continue
        if isinstance(message, Ask):
            message.request.refuse(SupervisorEndedError(join(path, message.name), VERBS[type(message.call)]))
        else:
            message.request.refuse(SupervisorEndedError(path, "apply"))
