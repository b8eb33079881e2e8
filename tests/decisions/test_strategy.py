"""SEMANTICS section 5: which siblings share a restart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from regrow._decisions.strategy import group
from regrow._specs.supervisor import Strategy

SIBLINGS = st.permutations("abcde").flatmap(lambda names: st.tuples(st.just(names), st.sampled_from(names)))


@given(SIBLINGS)
def test_one_for_one_restarts_the_child_alone(siblings):
    names, name = siblings
    assert group(Strategy.ONE_FOR_ONE, names, name) == [name]


@given(SIBLINGS)
def test_one_for_all_restarts_all_in_start_order(siblings):
    names, name = siblings
    assert group(Strategy.ONE_FOR_ALL, names, name) == list(names)


@given(SIBLINGS)
def test_rest_for_one_restarts_the_child_and_all_after_it_in_start_order(siblings):
    names, name = siblings
    assert group(Strategy.REST_FOR_ONE, names, name) == list(names[names.index(name) :])


def test_a_child_that_is_forgotten_has_no_rest():
    assert group(Strategy.REST_FOR_ONE, "abc", "x") == []
