"""All that was measured: figures by name, contestant and round; medians, and medians of ratios within a round."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs


@attrs.define
class Results:
    """What a session has found out."""

    conditions: dict[str, str] = attrs.field(factory=dict)
    """The machine, and how it was measured."""

    figures: dict[str, dict[str, dict[str, float]]] = attrs.field(factory=dict)
    """Name of the figure, contestant, number of the round."""

    missing: dict[str, str] = attrs.field(factory=dict)
    """Who did not take part, and why."""

    failures: list[str] = attrs.field(factory=list)
    """What went wrong."""

    def add(self, contestant: str, turn: int, found: Mapping[str, float]) -> None:
        """Note what was measured in one scene of one round."""
        for name, value in found.items():
            self.figures.setdefault(name, {}).setdefault(contestant, {})[str(turn)] = value

    def values(self, name: str, contestant: str) -> list[float]:
        """One for each round."""
        return list(self.figures.get(name, {}).get(contestant, {}).values())

    def median(self, name: str, contestant: str) -> float | None:
        """Over all rounds; `None`: not measured."""
        return _median(self.values(name, contestant))

    def ratios(self, name: str, contestant: str, to: str, of: str = "") -> list[float]:
        """One for each round: the figure of *contestant*, to that of another, or to its own by another name."""
        above = self.figures.get(name, {}).get(contestant, {})
        below = self.figures.get(of or name, {}).get(to, {})
        return [above[turn] / below[turn] for turn in above if below.get(turn)]

    def ratio(self, name: str, contestant: str, to: str, of: str = "") -> float | None:
        """The median of these."""
        return _median(self.ratios(name, contestant, to, of))

    def save(self, file: Path) -> None:
        """Keep it."""
        file.write_text(json.dumps(attrs.asdict(self), indent=1))

    @classmethod
    def load(cls, file: Path) -> Results:
        """What was kept."""
        return cls(**json.loads(file.read_text()))


def _median(values: Iterable[float]) -> float | None:
    values = list(values)
    return statistics.median(values) if values else None
