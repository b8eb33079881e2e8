"""For tests of trees: fakes, an oracle of events, simulation, conformance suites, misbehaving programs, fixtures.

Every name is imported when it is used for the first time: the plugin for pytest lives here, and costs a run of pytest
that does not use it next to nothing.
"""

TYPE_CHECKING = False  # `typing` alone would take longer than all the rest
if TYPE_CHECKING:
    from regrow.testing import children as children
    from regrow.testing._fixtures.places import Places as Places
    from regrow.testing._fixtures.server import Server as Server
    from regrow.testing._fixtures.starting import Starter as Starter
    from regrow.testing._fixtures.starting import Supervised as Supervised
    from regrow.testing._oracle.patterns import Match as Match
    from regrow.testing._simulating.figures import ChildFigures as ChildFigures
    from regrow.testing.conformance import LAUNCHER_CHECKS as LAUNCHER_CHECKS
    from regrow.testing.conformance import Conditions as Conditions
    from regrow.testing.conformance import check_launcher as check_launcher
    from regrow.testing.conformance import run_check as run_check
    from regrow.testing.fake import Descendant as Descendant
    from regrow.testing.fake import FakeLauncher as FakeLauncher
    from regrow.testing.fake import FakeProcess as FakeProcess
    from regrow.testing.fake import Script as Script
    from regrow.testing.recorder import Recorder as Recorder
    from regrow.testing.recorder import match as match
    from regrow.testing.simulation import Failures as Failures
    from regrow.testing.simulation import Simulation as Simulation
    from regrow.testing.simulation import simulate as simulate
else:
    _HOMES = {
        "_fixtures.places": "Places",
        "_fixtures.server": "Server",
        "_fixtures.starting": "Starter Supervised",
        "_oracle.patterns": "Match",
        "_simulating.figures": "ChildFigures",
        "conformance": "LAUNCHER_CHECKS Conditions check_launcher run_check",
        "fake": "Descendant FakeLauncher FakeProcess Script",
        "recorder": "Recorder match",
        "simulation": "Failures Simulation simulate",
    }
    _HOME_OF = {name: f"regrow.testing.{home}" for home, names in _HOMES.items() for name in names.split()}

    __all__ = ["children"]
    __all__ += list(_HOME_OF)

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415  only when needed, and not in `dir`

        if name == "children":
            return import_module("regrow.testing.children")
        if name not in _HOME_OF:
            raise AttributeError(f"module 'regrow.testing' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
