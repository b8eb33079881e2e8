"""Records what the `supervisor` of Erlang/OTP does in our scenarios, in tables.json.

    python tests/decisions/otp/record.py            record anew
    python tests/decisions/otp/record.py --check    compare with what is stored; 1 when it differs

README.md describes the tables. What the trace says of supervisors is what can be known exactly:

- ["up", path]: the start function of a nested supervisor returned well, all its children being up.
- ["start_failed", path]: it returned an error, after its children that were up had been stopped.
- ["gave_up", path, child]: the supervisor (the top one is "") reported one restart too many, on behalf of
  *child* (a name, not a path); the stops of its children come after it.
- Nothing tells when a nested supervisor has ended, or that it did so by auto-shutdown: the stops of its
  children and the state after the step say so. For the top one, "ended" does.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))  # as pytest has it: the directory of `tests`

from tests.decisions.otp.scenario_words import Data, Scenario  # noqa: E402
from tests.decisions.otp.scenarios import all_scenarios  # noqa: E402

TABLES = HERE / "tables.json"
TIME_LIMIT = 60
"""Seconds for all scenarios; they need few."""

Tables: TypeAlias = dict[str, Any]

TRANSIENT_GAVE_UP = "section 3: OTP leaves a transient supervisor that gave up down, regrow restarts it"


def record(scenarios: list[Scenario]) -> Tables:
    """What the OTP that is installed does in *scenarios*."""
    with TemporaryDirectory() as name:
        version, *found = run_recorder(Path(name), scenarios)
    return {"otp": version, "scenarios": [row(*pair) for pair in zip(scenarios, found, strict=True)]}


def run_recorder(work: Path, scenarios: list[Scenario]) -> list[Any]:
    """The lines that recorder.erl writes, compiled and run in the directory *work*."""
    source, result = work / "scenarios", work / "records"
    source.write_text(to_erlang([asked(scenario) for scenario in scenarios]) + ".\n")
    subprocess.run(["erlc", "-Werror", "-o", work, HERE / "recorder.erl"], check=True)
    main = f"recorder:main([{json.dumps(str(source))}, {json.dumps(str(result))}])"
    erl = ["erl", "-noshell", "-noinput", "-pa", str(work), "-eval", main]
    subprocess.run(erl, check=True, timeout=TIME_LIMIT)
    return [json.loads(line) for line in result.read_text().splitlines()]


def asked(scenario: Scenario) -> Data:
    """What the recorder must know of a scenario."""
    return {"supervisor": scenario.supervisor, "steps": scenario.steps}


def to_erlang(value: object) -> str:
    """JSON data as the text of an Erlang term: objects are maps, strings are binaries."""
    match value:
        case dict():
            return "#{" + ",".join(f"{to_erlang(k)}=>{to_erlang(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ",".join(map(to_erlang, value)) + "]"
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str() if value.isascii() and not set(value) & set('"\\'):
            return f'<<"{value}">>'
        case _:
            raise TypeError(f"no Erlang term for {value!r}")


def row(scenario: Scenario, found: Tables) -> Tables:
    """A scenario with what was found, as it stands in the tables."""
    length = useful(found) if scenario.name.startswith("random") else len(scenario.steps)
    short = scenario._replace(steps=scenario.steps[:length])
    return {**marked(short, found).as_data(), **found, "records": found["records"][:length]}


def useful(found: Tables) -> int:
    """How many steps were made before the top supervisor had ended, and one more."""
    return 1 + sum(one["ended"] is None for one in [found["boot"], *found["records"]])


def marked(scenario: Scenario, found: Tables) -> Scenario:
    """The *scenario*, and where regrow decides otherwise, if what was *found* shows that it must."""
    transient = {path for path, restart in nested_supervisors(scenario) if restart == "transient"}
    for number, one in enumerate([found["boot"], *found["records"]]):
        if any(event[0] == "gave_up" and event[1] in transient for event in one["trace"]):
            return scenario._replace(deviates=TRANSIENT_GAVE_UP, deviates_from=number)
    return scenario


def nested_supervisors(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Path and restart type of every nested supervisor, also of those that are added."""
    yield from below("", scenario.supervisor)
    for step in scenario.steps:
        if "spec" in step:
            yield from entry(step["supervisor"], step["spec"])


def below(path: str, supervisor: Data) -> Iterator[tuple[str, str]]:
    """Those in *supervisor*, which is at *path*."""
    for child in supervisor.get("children", []):
        yield from entry(path, child)


def entry(above: str, child: Data) -> Iterator[tuple[str, str]]:
    """The *child* itself, if it is one, and those in it."""
    if "supervisor" in child:
        path = f"{above}/{child['name']}".lstrip("/")
        yield path, child["restart"]
        yield from below(path, child["supervisor"])


def write(tables: Tables) -> None:
    """Store *tables*, one scenario in each line."""
    rows = ",\n".join(json.dumps(one, separators=(",", ":")) for one in tables["scenarios"])
    TABLES.write_text(f'{{"otp":{json.dumps(tables["otp"])},"scenarios":[\n{rows}\n]}}\n')


def differences(tables: Tables) -> list[str]:
    """The names of the scenarios that are not as they are stored. The version of OTP may differ."""
    old, new = (by_name(one) for one in (json.loads(TABLES.read_text()), tables))
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def by_name(tables: Tables) -> dict[str, Tables]:
    """The scenarios of *tables*."""
    return {one["name"]: one for one in tables["scenarios"]}


def main() -> int:
    """Record or compare; returns the exit code."""
    parser = argparse.ArgumentParser(description="record what OTP's supervisor does")
    parser.add_argument("--check", action="store_true", help="compare with tables.json")
    check: bool = parser.parse_args().check
    tables = record(all_scenarios())
    if not check:
        write(tables)
    different = differences(tables)
    for name in different:
        print(f"differs: {name}")
    print(f"OTP {tables['otp']}: {len(tables['scenarios'])} scenarios, {len(different)} differ")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
