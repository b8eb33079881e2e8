"""The last lines that a child printed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from regrow import OutputPolicy
from regrow._actors.output import Tail


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


def test_a_tail_of_no_bytes_keeps_nothing_and_passes_on_everything():
    tail = Tail(OutputPolicy(tail_bytes=0))
    assert "".join([*tail.feed(b"abc"), *tail.finish()]) == "abc"
    assert tail.lines() == ()


@given(st.lists(st.binary(max_size=50), max_size=30), st.integers(0, 5), st.integers(0, 40))
def test_a_tail_is_the_end_of_what_was_printed_and_never_larger_than_it_may_be(chunks, lines, size):
    tail = Tail(OutputPolicy(tail_lines=lines, tail_bytes=size))
    passed_on = [line for chunk in chunks for line in tail.feed(chunk)]
    passed_on += tail.finish()
    kept = tail.lines()
    assert len(kept) <= lines
    assert passed_on[len(passed_on) - len(kept) :] == list(kept)
    assert sum(map(len, tail._lines)) <= size


@given(st.lists(st.binary(max_size=20), max_size=30))
def test_no_byte_is_lost_on_the_way(chunks):
    tail = Tail(OutputPolicy())
    lines = [line for chunk in chunks for line in tail.feed(chunk)] + tail.finish()
    text = b"".join(chunks).decode("utf-8", "replace")
    assert [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")] == lines or not text
