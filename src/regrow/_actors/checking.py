"""No bad spec gets as far as a supervisor: whoever hands one over is told, and nothing is started."""

from __future__ import annotations

from regrow._specs.check import Problem, problems
from regrow._specs.child import ChildSpec
from regrow._specs.protocol import Launcher
from regrow._specs.supervisor import ANY_SPEC, DynamicSpec, join, walk
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
    for path, child in walk(spec):
        process = child.template if isinstance(child, DynamicSpec) else child
        if isinstance(process, ChildSpec):
            where = place if path == "." else join(place, path)
            found += [Problem(where, message) for message in launcher.check(process)]
    if found:
        raise InvalidSpecError(found)
