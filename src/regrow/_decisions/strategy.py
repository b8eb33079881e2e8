"""Which siblings share a restart, and in which order."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import dropwhile
from typing import assert_never

from regrow._specs.supervisor import Strategy


def group(strategy: Strategy, names: Iterable[str], name: str) -> list[str]:
    """Which of the *names*, in their start order, are started again when *name* is. SEMANTICS section 5."""
    match strategy:
        case Strategy.ONE_FOR_ONE:
            return [name]
        case Strategy.ONE_FOR_ALL:
            return list(names)
        case Strategy.REST_FOR_ONE:
            return list(dropwhile(lambda other: other != name, names))
        case _:
            assert_never(strategy)
