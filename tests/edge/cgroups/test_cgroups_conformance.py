"""A launcher whose children have groups keeps the promises of any launcher."""

from __future__ import annotations

import pytest
from tests.guardian.compiling import ensure_compiled

from regrow._edge.local import LocalLauncher
from regrow._edge.tuning import Tuning
from regrow.testing import LAUNCHER_CHECKS, Conditions, run_check


@pytest.mark.parametrize("check", LAUNCHER_CHECKS, ids=lambda check: check.__name__)
async def test_it_keeps_its_promise(check, own):
    guardian = "python" if ensure_compiled() is None else "compiled"
    tuning = Tuning(guardian=guardian, cgroup="always")
    assert LocalLauncher(tuning=tuning).containment == "guardian+cgroup"
    await run_check(check, lambda: LocalLauncher(tuning=tuning), Conditions())
