"""The management calls that a supervisor decides about. SEMANTICS section 9."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from regrow._specs.supervisor import AnySpec


@attrs.frozen
class StartChild:
    """Add an entry at the end of the order, and start it. OTP: `start_child`."""

    spec: AnySpec

    @property
    def name(self) -> str:
        return self.spec.name


@attrs.frozen
class StartNamed:
    """Start a child that is down. OTP: `restart_child`."""

    name: str


@attrs.frozen
class StopChild:
    """Stop a child, or cancel its restart. OTP: `terminate_child`."""

    name: str


@attrs.frozen
class RestartChild:
    """Stop a child, then start it."""

    name: str


@attrs.frozen
class DeleteChild:
    """Delete the entry of a child that is down. OTP: `delete_child`."""

    name: str


Call: TypeAlias = StartChild | StartNamed | StopChild | RestartChild | DeleteChild

VERBS: dict[type[Call], str] = {
    StartChild: "start",
    StartNamed: "start",
    StopChild: "stop",
    RestartChild: "restart",
    DeleteChild: "delete",
}
"""What a call wants, for messages."""
