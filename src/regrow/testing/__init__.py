"""For tests of trees: fakes, conformance suites, misbehaving programs."""

from regrow.testing import children
from regrow.testing.conformance import LAUNCHER_CHECKS, Conditions, check_launcher, run_check
from regrow.testing.fake import Descendant, FakeLauncher, FakeProcess, Script

__all__ = [
    "LAUNCHER_CHECKS",
    "Conditions",
    "Descendant",
    "FakeLauncher",
    "FakeProcess",
    "Script",
    "check_launcher",
    "children",
    "run_check",
]
