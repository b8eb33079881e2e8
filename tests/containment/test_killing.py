"""Nobody survives the supervisor, whenever and however it dies, and whatever one guardian does meanwhile.

Here in short. `REGROW_TORTURE=100` kills a hundred times as many.
"""

from __future__ import annotations

import pytest
from tests.containment.harness import FACTOR, a_seed, torture
from tests.containment.killing import MODES

RUNS = {"supervisor": 10, "supervisor of 1 GiB": 2}


@pytest.mark.timeout(120 * FACTOR)
@pytest.mark.parametrize("mode", MODES)
def test_nobody_is_left_when_this_dies(guardian, mode):
    result = torture("killing", guardian, mode, RUNS.get(mode, 4) * FACTOR, a_seed())
    assert result["left"] == []
    assert FACTOR == 1 or result["late"] == []  # a busy machine may be late now and then


def test_it_would_be_noticed_if_somebody_were_left():
    assert torture("killing", "none", "all stopped, supervisor", 2, 1)["left"]
