"""What came of a simulation, as plain values, and as a table."""

from __future__ import annotations

from collections.abc import Iterator

import attrs


@attrs.frozen(kw_only=True)
class ChildFigures:
    """What became of one child, on average over all runs."""

    restarts_per_hour: float
    """How often it was started again, in an hour of the tree's life; with its group too."""

    availability: float
    """The share of the duration for which it was ready. Once the tree has given up, nothing is."""


@attrs.frozen(kw_only=True)
class Simulation:
    """What came of the runs of a tree."""

    runs: int
    duration: float
    """Seconds that each run lasted, unless its tree gave up before."""

    children: dict[str, ChildFigures]
    """By path, in start order."""

    gave_up: dict[str, float]
    """By the path of a supervisor: the share of the runs in which it gave up; `.` is the whole tree."""

    did_not_start: float
    """The share of the runs in which the tree did not become ready."""

    gave_up_after: tuple[float, ...]
    """Seconds after which the whole tree gave up, in those runs in which it did, shortest first."""

    @property
    def restarts_per_hour(self) -> float:
        """Of all children together."""
        return sum(child.restarts_per_hour for child in self.children.values())

    @property
    def chance_of_giving_up(self) -> float:
        """That the whole tree gives up within the duration."""
        return self.gave_up["."]

    @property
    def margin(self) -> float:
        """How far off the chance of giving up may be: 95 % of the time it is within so much (Wald; 1 run says little).

        If it happened never, or always, that is three in so many runs.
        """
        chance = self.chance_of_giving_up
        if chance in {0.0, 1.0}:
            return min(1.0, 3 / self.runs)
        return float(1.96 * (chance * (1 - chance) / self.runs) ** 0.5)

    def table(self) -> str:
        """All of it, for people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        width = max(map(len, [*self.children, *self.gave_up, "supervisor"]))
        yield f"{'child':<{width}}  {'restarts/h':>10}  {'availability':>12}"
        for path, child in self.children.items():
            yield f"{path:<{width}}  {child.restarts_per_hour:>10.3g}  {100 * child.availability:>11.4f}%"
        yield ""
        yield f"{'supervisor':<{width}}  gives up within {self.duration:g} s"
        for path, share in self.gave_up.items():
            margin = f" (+- {100 * self.margin:.1f} %)" if path == "." else ""
            yield f"{path:<{width}}  in {100 * share:.1f} % of {self.runs} runs{margin}"
        if self.did_not_start:
            yield f"did not start in {100 * self.did_not_start:.1f} % of the runs"
