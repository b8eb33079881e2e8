"""Where a child stands with its limits."""

from __future__ import annotations

import pytest

from regrow import ChildSpec, InvalidSpecError
from regrow._decisions import limit as decisions
from regrow._decisions.limit import Reading
from regrow._specs.protocol import Sample
from regrow.limits import Measure, RestartAbove, WarnAbove

MIB = 1024**2


def sample(**values) -> Sample:
    return Sample(**{"rss": 0, "cpu": 0.0, "descendants": 0, "threads": 1, **values})


def stand(limits, *readings):
    """Where it stands after these `(moment, values)`."""
    standing = decisions.begin(limits if isinstance(limits, list) else [limits])
    for at, values in readings:
        standing = decisions.look(standing, Reading(at, sample(**values)))
    return standing


def is_over(limit, *readings) -> bool:
    return stand(limit, *readings).marks[0].is_over


# -- what a limit is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "number"),
    [(700, 700), ("700", 700), ("1K", 1024), ("512M", 512 * MIB), ("1.5 GiB", 1536 * MIB), ("2TB", 2 * 1024**4)],
)
def test_memory_is_bytes_also_with_a_unit(given, number):
    assert RestartAbove(memory=given).memory == number


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "RestartAbove: takes one measure, and there is none"),
        ({"memory": 1, "cpu": 2}, "RestartAbove: takes one measure, not memory and cpu"),
        ({"memory": "much"}, "memory: 'much' is no amount of memory"),
        ({"memory": 0}, "memory: must be at least 1"),
        ({"memory": 1.5}, "memory: must be a whole number"),
        ({"cpu": 0}, "cpu: must be more than 0"),
        ({"cpu": "half"}, "cpu: must be a number"),
        ({"threads": 0}, "threads: must be at least 1"),
        ({"descriptors": True}, "descriptors: must be a whole number"),
        ({"age": float("inf")}, "age: must not be infinite"),
        ({"age": 5, "for_": 1}, "for_: has no meaning for age"),
        ({"cpu": 1, "for_": -1}, "for_: must be at least 0"),
    ],
)
def test_what_is_no_limit_is_refused_in_words(given, complaint):
    with pytest.raises(InvalidSpecError, match=complaint):
        RestartAbove(**given)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (RestartAbove(memory="512M", for_=10), "memory above 512 MiB for 10 s"),
        (WarnAbove(memory=700), "memory above 700 bytes"),
        (RestartAbove(cpu=1.5), "cpu above 1.5 of a core"),
        (RestartAbove(descriptors=1000), "descriptors above 1000"),
        (RestartAbove(threads=64, for_=0.5), "threads above 64 for 0.5 s"),
        (RestartAbove(age=86400), "age above 86400 s"),
    ],
)
def test_a_limit_reads_as_what_it_says(limit, words):
    assert str(limit) == words


def test_a_limit_has_one_measure():
    assert RestartAbove(age=3).measure is Measure.AGE
    assert (WarnAbove(cpu=2).measure, WarnAbove(cpu=2).most) == (Measure.CPU, 2.0)


def test_a_child_has_any_number_of_limits():
    def spec(limits):
        return ChildSpec(name="a", command=["x"], limits=limits)

    one, other = RestartAbove(age=3), WarnAbove(cpu=1)
    assert spec(one).limits == (one,)
    assert spec([one, other]).limits == (one, other)
    for wrong in ([3], "512M", 3):
        with pytest.raises(InvalidSpecError, match=r"a\.limits: .*a RestartAbove or a WarnAbove"):
            spec(wrong)


# -- how it stands -----------------------------------------------------------------------------------------------------


def test_what_is_at_its_limit_is_not_above_it():
    assert not is_over(RestartAbove(threads=4), (0, {"threads": 4}))
    assert is_over(RestartAbove(threads=4), (0, {"threads": 5}))


def test_memory_is_what_is_its_own_where_that_is_known():
    limit = RestartAbove(memory=100)
    assert is_over(limit, (0, {"rss": 101}))
    assert not is_over(limit, (0, {"rss": 101, "pss": 50}))
    assert is_over(limit, (0, {"rss": 500, "pss": 101}))


def test_a_share_of_a_core_takes_two_readings():
    limit = RestartAbove(cpu=0.5)
    assert not is_over(limit, (10, {"cpu": 99}))
    assert is_over(limit, (10, {"cpu": 99}), (12, {"cpu": 100.1}))
    assert not is_over(limit, (10, {"cpu": 99}), (12, {"cpu": 99.9}))


def test_cpu_time_that_has_gone_with_a_descendant_is_no_share():
    limit, seconds = RestartAbove(cpu=0.5), [(10, 99.0), (11, 3.0), (12, 3.1), (13, 4.0)]
    for count in (2, 3):
        assert not is_over(limit, *[(at, {"cpu": cpu}) for at, cpu in seconds[:count]])
    assert is_over(limit, *[(at, {"cpu": cpu}) for at, cpu in seconds])


def test_two_readings_of_the_same_moment_are_no_share():
    assert not is_over(RestartAbove(cpu=0.5), (10, {"cpu": 1}), (10, {"cpu": 3}))


def test_what_cannot_be_read_is_not_over():
    limit = RestartAbove(descriptors=3)
    assert not is_over(limit, (0, {"open_files": None}))
    standing = stand(limit, (0, {"open_files": 4}), (1, {"open_files": None}))
    assert not standing.marks[0].is_over


def test_a_limit_that_lasts_is_passed_when_its_time_is_over():
    limit, high = RestartAbove(threads=4, for_=2), {"threads": 9}
    assert not is_over(limit, (0, high))
    assert not is_over(limit, (0, high), (1, high))
    assert is_over(limit, (0, high), (1, high), (2, high))


def test_a_moment_below_begins_the_time_anew():
    limit, high = RestartAbove(threads=4, for_=2), {"threads": 9}
    low = {"threads": 4}
    assert not is_over(limit, (0, high), (1, low), (2, high), (3, high))
    assert is_over(limit, (0, high), (1, low), (2, high), (3, high), (4, high))


def test_a_time_without_readings_begins_the_time_anew():
    limit, high = RestartAbove(threads=4, for_=30), {"threads": 9}
    readings = [(at, high) for at in range(20)]
    assert not is_over(limit, *readings, (40, high))
    assert is_over(limit, *readings, *[(at, high) for at in range(20, 31)])


def test_a_pause_counts_for_nothing():
    limits, high = [RestartAbove(threads=4, for_=3), RestartAbove(cpu=0.5), WarnAbove(threads=90)], {"threads": 9}
    standing = decisions.resumed(stand(limits, (0, high), (1, high)), 100)
    standing = decisions.look(standing, Reading(102, sample(threads=9, cpu=90)))
    assert standing.marks[0].lasted == 2
    assert not standing.marks[0].is_over
    assert not standing.marks[1].is_over  # no share is measured across it


def test_age_needs_no_sample():
    limits = [RestartAbove(age=60), WarnAbove(age=30), WarnAbove(threads=2)]
    assert not decisions.needs_samples(limits[:2])
    assert decisions.needs_samples(limits)
    standing = decisions.begin(limits)
    assert decisions.next_age(standing) == 30
    standing = decisions.grow_old(standing, 30)
    assert [mark.is_over for mark in standing.marks] == [False, True, False]
    assert standing.last is None
    assert decisions.next_age(standing) == 60
    standing = decisions.grow_old(standing, 61)
    assert [mark.is_over for mark in standing.marks] == [True, True, False]
    assert decisions.next_age(standing) is None


def test_a_sample_says_nothing_about_age():
    limits, high = [RestartAbove(age=60), RestartAbove(threads=4)], {"threads": 9}
    standing = decisions.grow_old(stand(limits, (0, high)), 60)
    assert [mark.is_over for mark in decisions.look(standing, Reading(1, sample(**high))).marks] == [True, True]


def test_a_clock_that_is_early_by_a_rounding_is_in_time():
    assert decisions.grow_old(decisions.begin([RestartAbove(age=0.3)]), 0.1 + 0.2 - 1e-9).marks[0].is_over


def test_what_is_far_below_costs_nothing_more():
    first = stand([RestartAbove(threads=100), RestartAbove(cpu=0.5)], (0, {"threads": 9}))
    second = decisions.look(first, Reading(1, sample(threads=8)))
    assert second.is_calm
    assert second.marks is first.marks
    assert second.last == Reading(1, sample(threads=8))


# -- what is told ------------------------------------------------------------------------------------------------------


def test_only_what_is_newly_over_is_told():
    limits, high = [WarnAbove(threads=4), RestartAbove(threads=90)], {"threads": 9}
    before = stand(limits, (0, {}))
    first = decisions.look(before, Reading(1, sample(**high)))
    assert [limit for limit, _ in decisions.newly_over(before, first)] == limits[:1]
    second = decisions.look(first, Reading(2, sample(**high)))
    assert decisions.newly_over(first, second) == []


def test_what_is_told_has_the_limit_the_value_and_how_long():
    limit, high = RestartAbove(memory="1M", for_=2), {"rss": 3 * MIB}
    standing = stand(limit, (0, high), (1, high), (2.5, high))
    assert decisions.why(limit, standing.marks[0]) == "memory above 1 MiB for 2 s: 3 MiB for 2.5 s"
    limit = RestartAbove(threads=4)
    assert decisions.why(limit, stand(limit, (0, {"threads": 9})).marks[0]) == "threads above 4: 9"


def test_it_is_near_from_90_percent_on_until_it_is_below_80():
    limit = RestartAbove(threads=100)
    seen = []
    standing = decisions.begin([limit])
    for at, threads in enumerate([89, 90, 85, 80, 79, 85]):
        standing = decisions.look(standing, Reading(at, sample(threads=threads)))
        seen.append(bool(decisions.concerns(standing)))
    assert seen == [False, True, True, True, False, False]


def test_near_is_what_a_restart_may_follow():
    assert decisions.concerns(stand(WarnAbove(threads=100), (0, {"threads": 99}))) == []
    assert decisions.concerns(stand(WarnAbove(threads=100), (0, {"threads": 101}))) == ["threads above 100: 101"]
    assert decisions.concerns(stand(RestartAbove(threads=100), (0, {"threads": 95}))) == ["threads near 100: 95"]


def test_nobody_is_near_its_age():
    limit = RestartAbove(age=100)
    assert decisions.concerns(decisions.grow_old(decisions.begin([limit]), 99)) == []
