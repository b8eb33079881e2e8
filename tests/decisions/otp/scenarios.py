"""All scenarios that are recorded: those written by hand, and random ones."""

from tests.decisions.otp import (
    scenario_calls,
    scenario_groups,
    scenario_restarts,
    scenario_retries,
    scenario_significant,
    scenario_starts,
)
from tests.decisions.otp.scenario_chance import random_scenarios
from tests.decisions.otp.scenario_words import Data, Scenario

__all__ = ["SEED", "all_scenarios", "random_scenarios", "written_scenarios"]

SEED = 20
RANDOM = 300


def written_scenarios() -> list[Scenario]:
    """Those written by hand, in the order of the sections."""
    found = [
        *scenario_starts.SCENARIOS,
        *scenario_restarts.SCENARIOS,
        *scenario_groups.SCENARIOS,
        *scenario_retries.SCENARIOS,
        *scenario_significant.SCENARIOS,
        *scenario_calls.SCENARIOS,
    ]
    return sorted(found, key=lambda scenario: scenario.name.split(" ")[0])


def all_scenarios() -> list[Scenario]:
    """All of them.

    Raises:
        ValueError: two have the same name, or a step is not possible.
    """
    found = [*written_scenarios(), *random_scenarios(SEED, RANDOM)]
    if len({scenario.name for scenario in found}) < len(found):
        raise ValueError("two scenarios have the same name")
    for scenario in found:
        check_steps(scenario)
    return found


def check_steps(scenario: Scenario) -> None:
    """Refuse a crowd that the recorder cannot hold back: it must be at one supervisor and others below it."""
    for paths in crowds(scenario.steps):
        top = min(paths, key=len)
        if not all(f"{path}/".startswith(f"{top}/" if top else "") for path in paths):
            raise ValueError(f"{scenario.name}: together at {paths}")


def crowds(steps: list[Data]) -> list[list[str]]:
    """The supervisors of the steps of each ``together``."""
    return [[at(one) for one in step["steps"]] for step in steps if step["do"] == "together"]


def at(step: Data) -> str:
    """The path of the supervisor that a step concerns."""
    path: str = step.get("supervisor", "")
    return path if "child" not in step else str(step["child"]).rpartition("/")[0]
