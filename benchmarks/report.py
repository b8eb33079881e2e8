"""What a session has found out, for people: Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from benchmarks import table
from benchmarks.figures import Results
from benchmarks.gates import Verdict, judge
from benchmarks.ours import FLOOR, LEVELS


@attrs.frozen
class Column:
    """One figure of a table."""

    title: str
    name: str
    show: Callable[[float], str]
    is_compared: bool = True
    """Whether its ratio to the C loop says something."""

    def cell(self, results: Results, contestant: str) -> str:
        """The figure, and its ratio."""
        value = results.median(self.name, contestant)
        if value is None:
            return ""
        ratio = results.ratio(self.name, contestant, FLOOR) if self.is_compared and contestant != FLOOR else None
        return self.show(value) + (f" ({table.times(ratio)})" if ratio is not None else "")


TABLES: dict[str, Sequence[Column]] = {
    "Death to replacement": [
        Column("empty, 100 live", "death 100", table.milliseconds),
        Column("empty, 1,000", "death 1000", table.milliseconds),
        Column("empty, 5,000", "death 5000", table.milliseconds),
        Column("`/bin/sleep`, 100 live", "sleep death 100", table.milliseconds),
        Column("`/bin/sleep`, 1,000", "sleep death 1000", table.milliseconds),
        Column("`/bin/sleep`, 5,000", "sleep death 5000", table.milliseconds),
    ],
    "Start and stop": [
        Column("start of 100", "start 100", table.seconds),
        Column("start of 1,000", "start 1000", table.seconds),
        Column("start of 5,000", "start 5000", table.seconds),
        Column("stop of 1,000", "stop 1000", table.seconds),
        Column("stop of 5,000", "stop 5000", table.seconds),
        Column("stop of 20 deaf ones, grace 1 s", "deaf stop 20", table.seconds, is_compared=False),
    ],
    "Crash loops without a backoff, restarts per second; and the supervisor's SIGKILL": [
        Column("one, dynamic", "ordinary restarts 1", table.count),
        Column("sixteen, dynamic", "ordinary restarts 16", table.count),
        Column("one, empty", "restarts 1", table.count),
        Column("sixteen, empty", "restarts 16", table.count),
        Column("left of 50 children and 50 grandchildren", "survivors", table.count, is_compared=False),
    ],
    "Idle: CPU of a core, and memory (PSS) per child of supervisor and helpers": [
        Column("CPU, 100", "cpu 100", table.percent, is_compared=False),
        Column("CPU, 1,000", "cpu 1000", table.percent, is_compared=False),
        Column("CPU, 5,000", "cpu 5000", table.percent, is_compared=False),
        Column("memory, 100", "memory 100", table.size, is_compared=False),
        Column("memory, 1,000", "memory 1000", table.size, is_compared=False),
        Column("memory, 5,000", "memory 5000", table.size, is_compared=False),
        Column("supervisor's growth, 1,000", "own memory 1000", table.size, is_compared=False),
    ],
    "The event loop while 100 children start, die at once, stop": [
        *(
            Column(f"longest gap, {phase}", f"gap {phase}", table.milliseconds, is_compared=False)
            for phase in ("quiet", "start", "die", "stop", "beside")
        ),
        *(
            Column(f"longest step (CPU), {phase}", f"step cpu {phase}", table.milliseconds, is_compared=False)
            for phase in ("start", "die", "stop")
        ),
    ],
}


def write(results: Results) -> str:
    """The whole report."""
    parts = [_conditions(results), _gates(judge(results))]
    parts += [f"**{title}**\n\n{text}" for title, columns in TABLES.items() if (text := _table(results, columns))]
    parts += [_absent(results)]
    return "\n".join(part for part in parts if part)


def _conditions(results: Results) -> str:
    return "".join(f"- {name}: {value}\n" for name, value in results.conditions.items())


def _gates(verdicts: Sequence[Verdict]) -> str:
    head = ["Gate, of the compiled guardian", "bar", "median", "rounds", ""]
    return f"**Gates**\n\n{table.markdown(head, [verdict.row() for verdict in verdicts])}"


def _table(results: Results, columns: Sequence[Column]) -> str:
    """One table: those who have a figure in it, in the order in which they were introduced."""
    shown = [column for column in columns if column.name in results.figures]
    rows = [[name, *(column.cell(results, name) for column in shown)] for name in _contestants(results)]
    rows = [row for row in rows if any(row[1:])]
    return table.markdown(["", *(column.title for column in shown)], rows) if rows else ""


def _contestants(results: Results) -> list[str]:
    seen = {name: None for figure in results.figures.values() for name in figure}
    first = [FLOOR, "C loop, posix_spawn", "trio alone", *LEVELS]
    return [name for name in first if name in seen] + sorted(name for name in seen if name not in first)


def _absent(results: Results) -> str:
    lines = [f"- {name}: {why}\n" for name, why in results.missing.items()]
    lines += [f"- {failure}\n" for failure in results.failures]
    return "**Not measured**\n\n" + "".join(lines) if lines else ""
