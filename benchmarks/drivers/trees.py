"""The trees that are measured: so many children of one supervisor, all alike, restarted at once and without an end."""

from __future__ import annotations

from regrow import ChildSpec, SupervisorSpec
from regrow.stopping import Stop

GRACE = 1.0


def tree(count: int, command: list[str], stop: Stop | float | str = GRACE) -> SupervisorSpec:
    """Started and stopped together; what they print is read, and goes nowhere."""
    names = (f"c{number}" for number in range(count))
    children = [ChildSpec(name=name, command=command, output="discard", backoff=None, stop=stop) for name in names]
    return SupervisorSpec(name="bench", order="together", max_restarts=10**9, children=children)
