"""How thoroughly hypothesis looks: quickly and always the same, or long, with REGROW_HYPOTHESIS=long."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

settings.register_profile(
    "quick",
    max_examples=100,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    report_multiple_bugs=False,
    suppress_health_check=QUIET,
)
settings.register_profile(
    "long",
    max_examples=2000,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=QUIET,
    report_multiple_bugs=False,
)
settings.load_profile(os.environ.get("REGROW_HYPOTHESIS", "quick"))

MACHINES = 3
"""How many times as many examples a state machine has: it finds what nobody has thought of."""


def for_machines() -> settings:
    return settings(max_examples=MACHINES * settings().max_examples)
