"""python -m benchmarks: measure, judge, and write the report. The exit code is that of the gates."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import attrs

from benchmarks import plot, report
from benchmarks.figures import Results
from benchmarks.gates import judge
from benchmarks.ours import COMPILED, FLOOR, PYTHON
from benchmarks.session import Plan, main
from benchmarks.workloads import Effort
from benchmarks.workshop import NoCompilerError, open_workshop

DOCS = Path(__file__).parent.parent / "docs" / "explanation"
TABLE = DOCS / "performance.inc"  # no .md: it is a part of a page, not a page
PICTURE = DOCS / "performance.svg"

QUICK = Effort(deaths=30, deaths_within=3.0, window=1.0, idle=2.0, heap=256)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute or two, to see that it works")
    parser.add_argument("--rounds", type=int, help="how often everything is measured (5; quick: 1)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="a contestant, workload or size; all that are given"
    )
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, help="also what is not ours (quick: no)")
    parser.add_argument("--peer-rounds", type=int, default=2, help="in how many rounds peers and idle ones are (2)")
    parser.add_argument("--realtime", action="store_true", help="go before others who use the machine, too (for root)")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep all figures as JSON")
    parser.add_argument("--load", type=Path, metavar="FILE", help="measure nothing: report what was kept")
    parser.add_argument("--write", action=argparse.BooleanOptionalAction, help="write to docs/ (quick, only: no)")
    return parser.parse_args(arguments)


def plan(options: argparse.Namespace) -> Plan:
    """What the options ask for."""
    peers = options.peers if options.peers is not None else not options.quick
    common = Plan(
        rounds=options.rounds or (1 if options.quick else 5),
        effort=QUICK if options.quick else Effort(),
        only=options.only,
        with_peers=peers,
        peer_rounds=options.peer_rounds,
        idle_rounds=options.peer_rounds,
        is_realtime=options.realtime,
    )
    if not options.quick:
        return common
    return attrs.evolve(common, sizes=(1000,), names=() if peers or options.only else (FLOOR, COMPILED, PYTHON))


def measure(options: argparse.Namespace) -> Results:
    """Measure, or read what was measured."""
    if options.load:
        return Results.load(options.load)
    with open_workshop() as shop:
        return main(plan(options), shop, lambda results: results.save(options.save) if options.save else None)


def run(options: argparse.Namespace) -> int:
    """Measure and report."""
    results = measure(options)
    text = report.write(results)
    print(text)
    is_whole = not (options.quick or options.only)
    if options.write if options.write is not None else is_whole:
        TABLE.write_text(text)
        PICTURE.write_text(plot.draw(results))
    verdicts = judge(results)
    if not is_whole:  # too little was measured to judge by; but what was to be measured was
        return 1 if results.failures else 0
    return 0 if all(verdict.holds for verdict in verdicts) else 1


if __name__ == "__main__":
    try:
        sys.exit(run(parse()))
    except NoCompilerError as error:
        sys.exit(f"nothing can be compared: {error}")
