"""The simulation: its figures agree with what can be worked out by hand, and it is the real tree that runs."""

import math
import time

import pytest

from regrow import Backoff, ChildSpec, InvalidSpecError, SupervisorSpec
from regrow.limits import RestartAbove
from regrow.readiness import Completes, TcpPort
from regrow.testing import Failures, simulate

HOUR, DAY = 3600.0, 86_400.0


def tree(*children, **fields):
    specs = [ChildSpec(name=name, command=[name], backoff=None) for name in children]
    return SupervisorSpec(**{"name": "app", "max_restarts": 1_000_000, "children": specs, **fields})


def test_restarts_and_availability_are_those_of_the_rates():
    figures = simulate(tree("a", "b"), {"a": Failures(every=100.0, start_takes=10.0)}, duration=10 * DAY)
    a, b = figures.children["a"], figures.children["b"]
    assert a.restarts_per_hour == pytest.approx(HOUR / 110, rel=0.05)  # 7,900 of them: four deviations are 4.5 %
    assert a.availability == pytest.approx(100 / 110, rel=0.02)
    assert b.restarts_per_hour == 0
    assert b.availability == pytest.approx(1 - 10 / (10 * DAY))
    assert figures.chance_of_giving_up == 0
    assert figures.restarts_per_hour == a.restarts_per_hour


def test_the_chance_of_giving_up_is_that_of_the_budget():
    """One restart in a window without end: it gives up at the second failure, so the moment is Erlang's of order 2."""
    spec = tree("a", max_restarts=1, window=math.inf)
    figures = simulate(spec, {"a": Failures(every=HOUR)}, duration=HOUR, runs=600)
    expected = 1 - 2 / math.e
    assert figures.chance_of_giving_up == pytest.approx(expected, abs=0.08)  # four deviations
    assert len(figures.gave_up_after) == round(figures.chance_of_giving_up * 600)
    assert figures.gave_up_after == tuple(sorted(figures.gave_up_after))
    assert 0 < figures.gave_up_after[0] < figures.gave_up_after[-1] < HOUR
    assert 0.03 < figures.margin < 0.05


def test_after_it_has_given_up_nothing_is_available():
    figures = simulate(tree("a", "b", max_restarts=0), {"a": Failures(every=60.0)}, duration=DAY)
    (after,) = figures.gave_up_after
    assert figures.children["b"].availability == pytest.approx(after / DAY, rel=0.01)


def test_a_start_that_fails_is_tried_again_and_at_boot_it_is_the_end():
    figures = simulate(tree("a"), {"a": Failures(start_fails=0.25)}, runs=400, duration=60)
    assert figures.did_not_start == pytest.approx(0.25, abs=0.09)
    assert "did not start in" in figures.table()


def test_a_group_is_restarted_as_a_group():
    spec = tree("a", "b", strategy="one_for_all")
    figures = simulate(spec, {"a": Failures(every=100.0)}, duration=DAY)
    assert figures.children["b"].restarts_per_hour == figures.children["a"].restarts_per_hour > 30


def test_who_gives_up_below_is_told_by_its_path():
    inner = tree("a", name="in", max_restarts=1, window=math.inf)
    figures = simulate(
        SupervisorSpec(name="app", max_restarts=10_000, children=[inner]), {"in/*": Failures(every=60.0)}
    )
    assert figures.gave_up == {".": 0.0, "in": 1.0}


def test_the_first_pattern_that_fits_counts():
    failures = {"a*": Failures(every=math.inf), "*": Failures(every=60.0)}
    figures = simulate(tree("a1", "b1"), failures, duration=HOUR)
    assert figures.children["a1"].restarts_per_hour == 0 < figures.children["b1"].restarts_per_hour


def test_the_same_seed_is_the_same_course_and_another_is_another():
    failures = {"*": Failures(every=60.0, start_takes=1.0, start_fails=0.1)}
    spec = SupervisorSpec(
        name="app",
        max_restarts=20,
        window=60,
        children=[ChildSpec(name=n, command=[n], backoff=Backoff(jitter=0.5)) for n in "abc"],
    )
    first = simulate(spec, failures, seed=1, duration=HOUR, runs=5)
    assert simulate(spec, failures, seed=1, duration=HOUR, runs=5) == first
    assert simulate(spec, failures, seed=2, duration=HOUR, runs=5) != first


def test_what_would_judge_the_processes_is_left_out():
    from regrow import HangPolicy  # noqa: PLC0415
    from regrow.activity import Heartbeat  # noqa: PLC0415

    hang = HangPolicy(warn_after=1.0, terminate_after=2.0, activity=Heartbeat())
    watched = ChildSpec(
        name="a", command=["a"], ready=TcpPort(80), hang=hang, limits=[RestartAbove(memory=1)], start_timeout=30
    )
    job = ChildSpec(name="job", command=["job"], ready=Completes(), restart="temporary")
    figures = simulate(SupervisorSpec(name="app", children=[watched, job], hang=hang), {"a": Failures(start_takes=5.0)})
    assert figures.children["a"].restarts_per_hour == 0
    assert figures.children["a"].availability == pytest.approx(1 - 5 / DAY)
    assert figures.did_not_start == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"failures": {"web*": Failures()}}, "failures\\['web\\*'\\]: fits no child; there are a, b"),
        ({"duration": math.inf}, "duration"),
        ({"runs": 0}, "runs"),
    ],
)
def test_what_makes_no_sense_is_refused(options, words):
    with pytest.raises(InvalidSpecError, match=words):
        simulate(tree("a", "b"), **{"failures": {}, **options})


def test_failures_are_checked():
    with pytest.raises(InvalidSpecError, match="start_fails"):
        Failures(start_fails=1.5)


def test_a_day_of_a_hundred_children_takes_less_than_ten_seconds_of_cpu():
    groups = [tree(*(f"c{n}" for n in range(10)), name=f"g{g}") for g in range(10)]
    began = time.process_time()
    figures = simulate(SupervisorSpec(name="app", children=groups), {"*": Failures(every=HOUR, start_takes=2.0)})
    assert time.process_time() - began < 10
    assert figures.restarts_per_hour == pytest.approx(100, rel=0.1)
    assert "g9/c9" in figures.table()
