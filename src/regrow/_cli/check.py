"""`regrow check`: everything that is wrong with a tree, and nothing started."""

from __future__ import annotations

import sys

from regrow._cli.environment import environment_problems
from regrow._cli.finding import BrokenTargetError, TargetError
from regrow._cli.outline import outline
from regrow._cli.target import load
from regrow._specs.check import Problem, problems
from regrow._specs.supervisor import AnySupervisorSpec


def check(target: str) -> int:
    """Load *target*, and print what is wrong with it, or its outline."""
    try:
        spec = load(target)
    except TargetError as error:
        print(f"regrow: {error}", file=sys.stderr)
        return exit_code(error)
    found = all_problems(spec)
    if found:
        print(told(target, found), file=sys.stderr)
        return 1
    print(outline(spec))
    return 0


def exit_code(error: TargetError) -> int:
    """1: what is there is wrong; 2: it is not there, so the command line is."""
    return 1 if isinstance(error, BrokenTargetError) else 2


def all_problems(spec: AnySupervisorSpec) -> list[Problem]:
    """What can never be run, and what cannot be run here and now."""
    return [*problems(spec), *environment_problems(spec)]


def told(target: str, found: list[Problem]) -> str:
    """The problems as text for people."""
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    return "\n".join([f"regrow: {target}: {count}", *(f"  {problem}" for problem in found)])
