"""The words in which scenarios are written: functions that make supervisors, children and steps.

Everything they make is plain data that JSON can hold. README.md describes it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

Data: TypeAlias = dict[str, Any]
"""A piece of a scenario: a JSON object."""

WINDOW = 1000
"""Seconds; no scenario takes that long, so that no restart is ever too old to count."""


class Scenario(NamedTuple):
    """A supervisor and what happens to it."""

    name: str
    """A section of SEMANTICS.md and the sentence of it that is shown; unique."""

    supervisor: Data
    steps: list[Data]

    deviates: str = ""
    """Why regrow decides otherwise than OTP here, if it does."""

    deviates_from: int = 0
    """The first record that is not regrow's: 0 is the boot, 1 the first step."""

    def as_data(self) -> Data:
        """This scenario as a JSON object, for the tables."""
        data: Data = {"name": self.name}
        if self.deviates:
            data |= {"deviates": self.deviates, "deviates_from": self.deviates_from}
        return data | {"supervisor": self.supervisor, "steps": self.steps}


def supervisor(
    *children: Data,
    strategy: str = "one_for_one",
    max_restarts: int = 10,
    auto_shutdown: str = "never",
    name: str = "top",
) -> Data:
    """A supervisor with *children*, in start order."""
    return {
        "name": name,
        "strategy": strategy,
        "max_restarts": max_restarts,
        "window": WINDOW,
        "auto_shutdown": auto_shutdown,
        "children": list(children),
    }


def dynamic(
    restart: str = "permanent", *, max_restarts: int = 10, name: str = "top", args: Sequence[str] = ("t",)
) -> Data:
    """A dynamic supervisor: OTP's simple_one_for_one."""
    template = {"name": "template", "restart": restart, "args": list(args)}
    return {"name": name, "max_restarts": max_restarts, "window": WINDOW, "template": template}


def child(
    name: str,
    restart: str = "permanent",
    *,
    significant: bool = False,
    fails: Iterable[int] = (),
    during: dict[int, list[Data]] | None = None,
) -> Data:
    """A worker whose start attempts number *fails* (of all at its path, from 1) fail.

    The steps of ``during[n]`` are made while its attempt n is under way.
    """
    return {
        "name": name,
        "restart": restart,
        "significant": significant,
        "fails": list(fails),
        "during": {str(attempt): steps for attempt, steps in (during or {}).items()},
    }


def children(names: str, restart: str = "permanent") -> list[Data]:
    """Workers that start whenever they are asked to: one for each of *names*."""
    return [child(name, restart) for name in names.split()]


def nested(spec: Data, restart: str = "permanent", *, significant: bool = False) -> Data:
    """The supervisor *spec* as a child of another."""
    return {"name": spec["name"], "restart": restart, "significant": significant, "supervisor": spec}


def crash(path: str) -> Data:
    """The worker at *path* ends abnormally."""
    return {"do": "exit", "child": path, "how": "crashed"}


def end(path: str) -> Data:
    """The worker at *path* ends well."""
    return {"do": "exit", "child": path, "how": "normal"}


def together(*steps: Data) -> Data:
    """All *steps* happen, in this order, before their supervisor looks."""
    return {"do": "together", "steps": list(steps)}


def add(spec: Data, to: str = "") -> Data:
    """start_child(spec), asked of the supervisor at *to*."""
    return {"do": "start_child", "supervisor": to, "spec": spec}


def add_dynamic(name: str, *args: str, to: str = "", fails: Iterable[int] = ()) -> Data:
    """start_child of a dynamic supervisor, with extra arguments."""
    return {"do": "start_child", "supervisor": to, "name": name, "args": list(args), "fails": list(fails)}


def start(path: str) -> Data:
    """start_child(name): what OTP calls restart_child."""
    return {"do": "start", "child": path}


def stop(path: str) -> Data:
    """stop_child: what OTP calls terminate_child."""
    return {"do": "stop", "child": path}


def delete(path: str) -> Data:
    """delete_child."""
    return {"do": "delete", "child": path}


def spec_of(path: str) -> Data:
    """The spec of a child."""
    return {"do": "spec", "child": path}


def count(of: str = "") -> Data:
    """count_children."""
    return {"do": "count", "supervisor": of}


def which(of: str = "") -> Data:
    """which_children."""
    return {"do": "which", "supervisor": of}


SHUTDOWN: Data = {"do": "shutdown"}
"""The top supervisor is told to stop by its parent."""


def crashes(path: str, times: int) -> list[Data]:
    """*times* crashes of the same child, each handled before the next."""
    return [crash(path)] * times
