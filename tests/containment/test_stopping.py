"""When a stop has returned, nobody of the child's whole tree is left, whoever they are and whatever they do.

Here in short. `REGROW_TORTURE=50` stops fifty times as many.
"""

from __future__ import annotations

import pytest
from tests.containment.families import MOODS
from tests.containment.harness import FACTOR, command, result_of, torture
from tests.containment.layers import skip_if_there_is_no
from tests.guardian.test_crowded import UNSHARE, has_own_limit

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


@pytest.mark.parametrize("proc", ["own", "foreign"])
def test_a_supervisor_may_be_the_first_process_of_a_namespace(guardian, proc):
    """Also where /proc tells of other numbers than its own: then guardians try them all, if those are not too many."""
    if not has_own_limit():
        pytest.skip("NOT TESTED: no private pid namespace with a limit of its own is to be had here")
    unshare = [word for word in UNSHARE if proc == "own" or word != "--mount-proc"]
    with_few_numbers = ["sh", "-c", 'echo 4000 > /proc/sys/kernel/pid_max; "$@"', "sh"]
    assert result_of([*unshare, *with_few_numbers, *command("stopping", guardian, "plain", 4 * FACTOR)])["left"] == []


def test_it_would_be_noticed_if_somebody_were_left():
    assert torture("stopping", "none", "plain", 1)["left"]
