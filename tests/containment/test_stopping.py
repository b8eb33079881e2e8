"""When a stop has returned, nobody of the child's whole tree is left, whoever they are and whatever they do.

Here in short. `REGROW_TORTURE=50` stops fifty times as many.
"""

from __future__ import annotations

import pytest
from tests.containment.families import MOODS
from tests.containment.harness import FACTOR, torture
from tests.containment.layers import skip_if_there_is_no

RUNS = {"plain": 20}


@pytest.mark.timeout(120 * FACTOR)
@pytest.mark.parametrize("mood", MOODS)
def test_when_a_stop_has_returned_nobody_is_left(guardian, mood):
    result = torture("stopping", guardian, mood, RUNS.get(mood, 8) * FACTOR)
    assert result["left"] == []
    assert FACTOR == 1 or result["late"] == []  # a busy machine may be late now and then


@pytest.mark.timeout(120 * FACTOR)
@pytest.mark.parametrize("more", ["cgroup", "namespace"])
def test_when_a_stop_has_returned_nobody_is_left_where_guardians_have_help(guardian, more):
    skip_if_there_is_no(more)
    test_when_a_stop_has_returned_nobody_is_left(f"{guardian}+{more}", "breeding")


def test_it_would_be_noticed_if_somebody_were_left():
    assert torture("stopping", "none", "plain", 1)["left"]
