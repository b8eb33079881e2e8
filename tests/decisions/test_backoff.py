"""SEMANTICS section 1, `backoff`: how long to wait before a restart, and when a row of restarts is too long."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow._decisions.backoff import begins_new_row, delay, is_row_too_long
from regrow._specs.backoff import Backoff

ATTEMPTS = st.integers(1, 5000)
RANDOMS = st.integers(0, 1000).map(Random)


@st.composite
def backoffs(draw: st.DrawFn) -> Backoff:
    initial = draw(st.floats(0.001, 10))
    return Backoff(
        initial=initial,
        factor=draw(st.floats(1, 10)),
        maximum=initial * draw(st.floats(1, 1000)),
        jitter=draw(st.sampled_from([0.0, 0.1, 1.0])),
        immediate=draw(st.integers(0, 3)),
    )


@given(ATTEMPTS, RANDOMS)
def test_without_a_backoff_there_is_no_wait(attempt, random):
    assert delay(None, attempt, random) == 0


@given(backoffs(), ATTEMPTS, RANDOMS)
def test_the_first_ones_in_a_row_are_immediate(backoff, attempt, random):
    assert attempt > backoff.immediate or delay(backoff, attempt, random) == 0


@given(backoffs(), ATTEMPTS, RANDOMS)
def test_no_wait_is_longer_than_maximum_jitter_included(backoff, attempt, random):
    assert 0 <= delay(backoff, attempt, random) <= backoff.maximum


@given(backoffs(), ATTEMPTS, RANDOMS)
def test_a_wait_is_spread_around_the_grown_one_by_the_share_jitter(backoff, attempt, random):
    try:
        grown = backoff.initial * backoff.factor ** (attempt - 1 - backoff.immediate)
    except OverflowError:
        grown = float("inf")
    wait = delay(backoff, attempt, random)
    if attempt > backoff.immediate:
        grown = min(grown, backoff.maximum)
        assert grown * (1 - backoff.jitter) - 1e-9 <= wait <= grown * (1 + backoff.jitter) + 1e-9


@given(backoffs(), ATTEMPTS)
def test_the_same_chance_gives_the_same_wait(backoff, attempt):
    assert delay(backoff, attempt, Random(1)) == delay(backoff, attempt, Random(1))


@pytest.mark.parametrize(
    ("attempt", "wait"), [(1, 0), (2, 0.2), (3, 0.4), (4, 0.8), (9, 25.6), (10, 30), (11, 30), (2000, 30)]
)
def test_by_default_the_first_is_immediate_and_each_further_wait_twice_as_long(attempt, wait):
    assert delay(Backoff(jitter=0), attempt, Random(0)) == pytest.approx(wait)


def test_children_that_died_together_do_not_come_back_together():
    random = Random(0)
    assert len({delay(Backoff(), 2, random) for _ in range(100)}) == 100


def test_a_child_that_was_ready_for_reset_after_seconds_begins_a_new_row():
    assert not begins_new_row(Backoff(), 9.999)
    assert begins_new_row(Backoff(), 10)


def test_without_a_backoff_there_are_no_rows():
    assert not begins_new_row(None, 1e9)
    assert not is_row_too_long(None, 1000)


def test_a_row_is_too_long_after_give_up_after_attempts():
    assert not is_row_too_long(Backoff(give_up_after=3), 2)
    assert is_row_too_long(Backoff(give_up_after=3), 3)
    assert not is_row_too_long(Backoff(), 1000)
