"""SEMANTICS section 4: how many restarts are too many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from regrow._decisions.budget import Budget

MOMENTS = st.lists(st.floats(0, 20), max_size=20).map(sorted)
WINDOWS = st.sampled_from([0.5, 3.0, float("inf")])


@given(MOMENTS, st.integers(0, 5), WINDOWS)
def test_a_restart_is_one_too_many_if_more_than_max_restarts_lie_in_the_window(moments, most, window):
    budget, restarts = Budget(most, window), []
    for now in moments:
        restarts = [t for t in restarts if now - t <= window] + [now]
        assert budget.count(now) == (len(restarts) <= most)
        assert budget.left(now) == max(0, most - len(restarts))
        assert list(budget.ages(now)) == [now - t for t in restarts]


@given(MOMENTS, st.integers(0, 5), WINDOWS, st.floats(0, 20))
def test_looking_counts_nothing(moments, most, window, later):
    budget, other = Budget(most, window), Budget(most, window)
    for now in moments:
        assert budget.count(now) == other.count(now)
        other.left(now)
        other.ages(now)
    now = max(moments, default=0.0) + later
    assert budget.left(now) == other.left(now)
    assert budget.ages(now) == other.ages(now)


def test_a_restart_exactly_as_old_as_the_window_counts():
    budget = Budget(1, 5.0)
    assert budget.count(0.0)
    assert not budget.count(5.0)


def test_a_restart_older_than_the_window_does_not_count():
    budget = Budget(1, 5.0)
    assert budget.count(0.0)
    assert budget.count(5.001)


def test_with_max_restarts_0_the_first_is_one_too_many():
    assert not Budget(0, 5.0).count(0.0)


def test_an_infinite_window_forgets_nothing():
    budget = Budget(1, float("inf"))
    assert budget.count(0.0)
    assert not budget.count(1e9)


def test_the_limit_is_told_in_words():
    assert str(Budget(1, 0.5)) == "more than 1 restart in 0.5 s"
    assert str(Budget(3, float("inf"))) == "more than 3 restarts in inf s"
