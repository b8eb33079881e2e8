"""No bad spec gets as far as a supervisor: whoever hands one over is told, and nothing is started."""

from __future__ import annotations

from collections.abc import Iterator

from regrow._decisions.hang import with_default
from regrow._specs.check import Problem, problems
from regrow._specs.child import ChildSpec
from regrow._specs.protocol import Launcher
from regrow._specs.supervisor import ANY_SPEC, AnySpec, AnySupervisorSpec, DynamicSpec, join, walk
from regrow.exceptions import InvalidSpecError


def check_spec(spec: object, place: str, launcher: Launcher) -> None:
    """Check a spec and all below it.

    Args:
        spec: what somebody handed over as one.
        place: what to call it in messages.
        launcher: says what it cannot do.

    Raises:
        InvalidSpecError: with every problem, each with its place.
    """
    if not isinstance(spec, ANY_SPEC):
        raise InvalidSpecError([Problem(place, f"must be a spec, not {spec!r}")])
    found = problems(spec, place)
    for path, process in _processes(spec):
        where = place if path == "." else join(place, path)
        found += [Problem(where, message) for message in launcher.check(process)]
    if found:
        raise InvalidSpecError(found)


def _processes(spec: AnySpec) -> Iterator[tuple[str, ChildSpec]]:
    """Every process of a tree, with its path, as it would be started: with the hang policy of its supervisor."""
    supervisors: dict[str, AnySupervisorSpec] = {}
    for path, child in walk(spec):
        process: AnySpec | None = child
        above = supervisors.get(path.rpartition("/")[0] or ".")
        if not isinstance(child, ChildSpec):
            above = supervisors[path] = child
            process = child.template if isinstance(child, DynamicSpec) else None
        if isinstance(process, ChildSpec):
            yield path, process if above is None else with_default(process, above)
