"""Numbers of incarnations never go back while the tree lives (DESIGN: the boundary at which processes are run)."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from regrow._decisions.numbering import Numbering


def test_the_numbers_of_a_path_count_from_1():
    numbering = Numbering()
    assert [numbering.next("a"), numbering.next("a"), numbering.next("b")] == [1, 2, 1]


@given(st.lists(st.sampled_from("abcdefgh")), st.integers(1, 4))
def test_no_number_of_a_path_ever_goes_back_however_few_are_remembered(paths, kept):
    numbering, highest = Numbering(kept), defaultdict[str, int](int)
    for path in paths:
        number = numbering.next(path)
        assert number > highest[path]
        highest[path] = number


@given(st.lists(st.sampled_from("abcdefgh")))
def test_paths_that_are_remembered_are_counted_without_gaps(paths):
    numbering = Numbering()
    numbers = [numbering.next(path) for path in paths]
    assert numbers == [paths[: index + 1].count(path) for index, path in enumerate(paths)]


def test_the_path_that_was_used_longest_ago_is_forgotten_first():
    numbering = Numbering(kept=2)
    for path in "aab":
        numbering.next(path)
    numbering.next("a")
    numbering.next("c")  # forgets b, which had 1
    assert numbering.next("a") == 4
    assert numbering.next("d") == 2  # forgets c: no unknown path begins below b's number
    assert numbering.next("e") == 2  # forgets a, which had 4
    assert numbering.next("b") == 5
