"""What has arrived and could not be dealt with yet, because it concerns what an operation has in hand."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from regrow._decisions.calls import Call
from regrow._specs.exit import Exit


@attrs.frozen(eq=False)
class Ended:
    """A child ended by itself."""

    name: str
    exit: Exit


@attrs.frozen(eq=False)
class Failed:
    """An attempt to restart a child failed; the next one is to be decided. OTP: `try_again_restart`."""

    name: str
    exit: Exit


@attrs.frozen(eq=False)
class Due:
    """The backoff of a child is over."""

    name: str
    token: int


@attrs.frozen(eq=False)
class Returned:
    """A stuck child, whose replacement was waited for, is gone at last."""

    name: str


@attrs.define(eq=False)
class Asked:
    """A management call."""

    call: object
    request: Call
    is_hurried: bool = False
    """A start was taken back for it already."""

    @property
    def name(self) -> str:
        return self.request.name


Item: TypeAlias = Ended | Failed | Due | Returned | Asked
