"""A look at all of this machine. Blocks.

Nothing is believed that can be tried: a guardian is asked to look around, a control group is made and removed, a
process is given a pid namespace and given up.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version

from regrow._edge.machine.facts import Layer, Machine

if sys.platform == "win32":

    def look_at_machine() -> Machine:
        """What there is here."""
        job = Layer(
            name="job object",
            is_there=True,
            promise="a stop ends the whole tree, and nothing survives the supervisor",
            detail="written from the manual, and never run",
        )
        return Machine(facts=dict(_facts()), containment="job", layers=(job,), limits=())

else:
    import pwd

    from regrow._edge.cgroups.wanting import are_for_all
    from regrow._edge.machine.layers import layers
    from regrow._edge.machine.limits import limits

    def look_at_machine() -> Machine:
        """What there is here. Takes about a tenth of a second."""
        found = tuple(layers())
        there = {layer.name.partition(",")[0] for layer in found if layer.is_there}
        is_guarded = "guardian" in there
        has_groups = "control groups" in there and are_for_all()
        return Machine(
            facts={**dict(_facts()), "user": _user(), "process": _process()},
            containment="group" if not is_guarded else "guardian+cgroup" if has_groups else "guardian",
            layers=found,
            limits=tuple(limits(is_guarded=is_guarded)),
        )

    def _user() -> str:
        number = os.geteuid()
        try:
            return f"{pwd.getpwuid(number).pw_name} ({number})"
        except KeyError:
            return str(number)

    def _process() -> str:
        if os.getpid() != 1:
            return f"{os.getpid()}, not the first of a container"
        return "1, the first of a container: `regrow run` has a guard above it"


def _facts() -> Iterator[tuple[str, str]]:
    yield "system", f"{platform.system()} {platform.release()} on {platform.machine()}"
    yield "Python", f"{platform.python_version()} ({sys.executable})"
    yield "regrow", version("regrow")
    yield "trio", version("trio")
