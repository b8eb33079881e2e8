"""The last lines that a child printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow import OutputPolicy
from regrow._actors.output import LONGEST, Printed, Tail
from regrow._specs.facts import Stream


def test_lines_are_kept_in_order_and_the_oldest_go_first():
    tail = Tail(OutputPolicy(tail_lines=2))
    assert tail.feed(b"one\ntwo\nth") == ["one", "two"]
    assert tail.feed(b"ree\n") == ["three"]
    assert tail.lines() == ("two", "three")


def test_a_line_without_an_end_is_the_last_one():
    tail = Tail(OutputPolicy())
    tail.feed(b"one\ntw")
    assert tail.lines() == ("one", "tw")
    assert tail.lines(1) == ("tw",)
    assert tail.finish() == ["tw"]
    assert tail.finish() == []


def test_what_is_no_text_can_be_printed_all_the_same():
    tail = Tail(OutputPolicy())
    assert tail.feed(b"\xff\xfe ok\r\n") == ["�� ok"]


def test_no_tail_at_all_still_passes_lines_on():
    tail = Tail(OutputPolicy(tail_lines=0))
    assert tail.feed(b"one\n") == ["one"]
    assert tail.lines() == ()


def test_a_tail_of_no_bytes_keeps_nothing_and_passes_whole_lines_on():
    tail = Tail(OutputPolicy(tail_bytes=0))
    assert [*tail.feed(b"abc"), *tail.feed(b"def\n"), *tail.finish()] == ["abcdef"]
    assert "".join(tail.lines()) == ""


def test_of_a_line_that_is_too_long_for_the_tail_the_end_is_kept():
    tail = Tail(OutputPolicy(tail_bytes=3))
    assert tail.feed(b"abcdef\n") == ["abcdef"]
    assert tail.lines() == ("def",)


def test_a_line_without_end_is_cut_at_the_longest_and_goes_on():
    tail = Tail(OutputPolicy())
    assert [len(line) for line in tail.feed(b"x" * (2 * LONGEST + 5) + b"\n")] == [2 * LONGEST + 5]
    assert [len(line) for line in tail.feed(b"x" * (2 * LONGEST + 5))] == [LONGEST, LONGEST]
    assert len(tail.finish()[0]) == 5


@given(st.lists(st.binary(max_size=50), max_size=30), st.integers(0, 5), st.integers(0, 40))
def test_a_tail_is_the_end_of_what_was_printed_and_never_larger_than_it_may_be(chunks, lines, size):
    tail = Tail(OutputPolicy(tail_lines=lines, tail_bytes=size))
    passed_on = [line for chunk in chunks for line in tail.feed(chunk)]
    passed_on += tail.finish()
    kept = list(tail._lines)
    assert len(kept) <= lines
    assert sum(map(len, kept)) <= size
    whole = b"".join(chunks).split(b"\n")
    printed = whole[:-1] if whole[-1] == b"" else whole
    assert len(printed) == len(passed_on)
    assert all(line.endswith(end) for line, end in zip(printed[len(printed) - len(kept) :], kept, strict=True))


@given(st.lists(st.binary(max_size=20), max_size=30))
def test_no_byte_is_lost_on_the_way(chunks):
    tail = Tail(OutputPolicy())
    lines = [line for chunk in chunks for line in tail.feed(chunk)] + tail.finish()
    text = b"".join(chunks).decode("utf-8", "replace")
    assert [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")] == lines or not text


def test_no_lines_are_no_lines():
    tail = Tail(OutputPolicy())
    tail.feed(b"one\ntwo\n")
    assert tail.lines(0) == ()
    assert tail.lines(9) == ("one", "two")


@pytest.mark.parametrize(("to", "told"), [("discard", []), ("events", [("stdout", "one"), ("stderr", "two")])])
def test_lines_are_told_only_where_that_is_wanted(to, told):
    said = []
    printed = Printed(OutputPolicy(to=to), lambda stream, line: said.append((stream, line)))
    printed.feed(Stream.STDOUT, b"one\n")
    printed.feed(Stream.STDERR, b"two")
    printed.finish()
    assert said == told
    assert printed.lines(Stream.STDERR) == ("two",)
