"""`regrow simulate`: what a tree does under given failure rates; no process is started."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from regrow._cli.check import exit_code, told
from regrow._cli.finding import TargetError
from regrow._cli.target import load
from regrow._specs.check import Problem
from regrow.exceptions import InvalidSpecError
from regrow.testing.simulation import Failures
from regrow.testing.simulation import simulate as run


def simulate(target: str, failures: Iterable[str], *, duration: float, runs: int, seed: int) -> int:
    """Load *target*, simulate it, and print what came of it."""
    try:
        spec = load(target)
        figures = run(spec, dict(map(to_failures, failures)), duration=duration, runs=runs, seed=seed)
    except TargetError as error:
        print(f"regrow: {error}", file=sys.stderr)
        return exit_code(error)
    except InvalidSpecError as error:
        print(told(target, list(error.problems)), file=sys.stderr)
        return 1
    print(figures.table())
    return 0


def to_failures(text: str) -> tuple[str, Failures]:
    """`PATTERN=EVERY,TAKES,CHANCE`, of which the last two may be left out.

    Raises:
        InvalidSpecError: it is something else.
    """
    pattern, _, numbers = text.rpartition("=")
    try:
        every, takes, chance = (*map(float, numbers.split(",")), *(0.0, 0.0)[numbers.count(",") :])
    except ValueError:
        problem = Problem("--fail", f"must be PATTERN=EVERY,TAKES,CHANCE, such as 'web*=3600,2', not {text!r}")
        raise InvalidSpecError([problem]) from None
    return pattern, Failures(every=every, start_takes=takes, start_fails=chance)
