"""How surely a process tree is kept in one place, and what becomes of what outlives its main process."""

from __future__ import annotations

import enum
import math
from typing import Any, Literal, TypeAlias

import attrs

from regrow._specs import fields


class Containment(enum.StrEnum):
    """How surely nothing gets out of a child's process tree. Which layer does it, the status says."""

    AUTO = "auto"
    """The strongest layer of this machine that changes nothing for the child."""

    PROVEN = "proven"
    """A stop ends the whole tree, provably, and nothing survives the supervisor; refused where that cannot be had."""

    NAMESPACE = "namespace"
    """A pid namespace of its own, so that nothing survives even when all guardians are killed at once.

    The child sees other process ids. Refused where it cannot be had.
    """


Strays: TypeAlias = float | Literal["keep"]
"""For how many seconds strays may go on, or that they are kept."""


def to_containment(value: Containment | str) -> Containment:
    """A converter: the word is as good as the member."""
    return fields.member(Containment, value)


def to_strays(value: Strays) -> Strays:
    """A converter: an integer number of seconds as a float."""
    return "keep" if value == "keep" else fields.to_seconds(value)


def strays(spec: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what is neither the word nor a duration that ends."""
    if value == "keep":
        return
    if isinstance(value, str):
        raise ValueError(f"must be a number of seconds or 'keep', not {value!r}")
    if isinstance(value, float) and value == math.inf:
        raise ValueError("must not be infinite; write 'keep' if strays are to go on for ever")
    fields.seconds()(spec, field, value)
