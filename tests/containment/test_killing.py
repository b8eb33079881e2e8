"""Nobody survives the supervisor, whenever and however it dies, and whatever one guardian does meanwhile.

Here in short. `REGROW_TORTURE=100` kills a hundred times as many.
"""

from __future__ import annotations

import pytest
from tests.containment.harness import FACTOR, a_seed, torture
from tests.containment.killing import MODES
from tests.containment.layers import skip_if_there_is_no

ALL_AT_ONCE = "all guardians+supervisor"
RUNS = {"supervisor": 10, "supervisor of 1 GiB": 2}


@pytest.mark.timeout(120 * FACTOR)
@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != ALL_AT_ONCE])
def test_nobody_is_left_when_this_dies(guardian, mode):
    result = torture("killing", guardian, mode, RUNS.get(mode, 4) * FACTOR, a_seed())
    assert result["left"] == []
    assert FACTOR == 1 or result["late"] == []  # a busy machine may be late now and then


@pytest.mark.timeout(120 * FACTOR)
@pytest.mark.parametrize("more", ["cgroup", "namespace"])
@pytest.mark.parametrize("mode", ["supervisor", "shim+supervisor"])
def test_nobody_is_left_when_this_dies_and_guardians_have_help(guardian, more, mode):
    skip_if_there_is_no(more)
    test_nobody_is_left_when_this_dies(f"{guardian}+{more}", mode)


@pytest.mark.timeout(120 * FACTOR)
def test_in_a_pid_namespace_nobody_is_left_when_all_guardians_die_at_once(guardian):
    skip_if_there_is_no("namespace")
    test_nobody_is_left_when_this_dies(f"{guardian}+namespace", ALL_AT_ONCE)


def test_it_would_be_noticed_if_somebody_were_left():
    assert torture("killing", "none", "all stopped, supervisor", 1, 1)["left"]
