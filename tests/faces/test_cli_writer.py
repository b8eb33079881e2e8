"""Writing lines for a reader who is slow, stuck, or gone."""

import os
import sys
from contextlib import contextmanager

import pytest

from regrow._sinks.writer import LineWriter

assert sys.platform != "win32"

PATIENCE = 20.0


def say_dropped(count):
    return f"dropped {count}"


@contextmanager
def pipe():
    """A pipe, as what is read from and what is written to."""
    reader, writer = os.pipe()
    with open(reader, encoding="utf-8") as lines:
        yield lines, writer
        os.close(writer)


def test_lines_are_written_in_order():
    with pipe() as (lines, fd):
        writer = LineWriter(fd, say_dropped=say_dropped)
        for number in range(100):
            writer.put(str(number))
        writer.close()
        assert writer.wait(PATIENCE)
        assert [next(lines) for _ in range(100)] == [f"{number}\n" for number in range(100)]


def test_a_reader_who_is_stuck_holds_nobody_up_and_is_told_what_was_dropped():
    with pipe() as (lines, fd):
        writer = LineWriter(fd, say_dropped=say_dropped, limit=1_000_000)
        total = 50_000
        for _ in range(total):  # far more than fits into pipe, writer and queue together
            writer.put("x" * 99)
        writer.close()
        assert not writer.wait(0.05)
        written = dropped = 0
        while written + dropped < total:
            line = next(lines)
            if line.startswith("dropped"):
                dropped += int(line.split()[1])
            else:
                written += 1
        assert dropped > 0
        assert written + dropped == total
        assert writer.wait(PATIENCE)


def test_a_reader_who_has_gone_is_no_error_and_costs_nothing():
    reader, fd = os.pipe()
    os.close(reader)
    writer = LineWriter(fd, say_dropped=say_dropped)
    for _ in range(1000):
        writer.put("x")
    writer.close()
    assert writer.wait(PATIENCE)
    os.close(fd)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is always full")
def test_a_full_disk_is_no_error():
    with open("/dev/full", "wb") as full:
        writer = LineWriter(full.fileno(), say_dropped=say_dropped)
        writer.put("x")
        writer.put("y")
        writer.close()
        assert writer.wait(PATIENCE)


def test_a_descriptor_that_does_not_block_is_waited_for():
    with pipe() as (lines, fd):
        os.set_blocking(fd, False)
        writer = LineWriter(fd, say_dropped=say_dropped)
        for _ in range(5000):
            writer.put("x" * 99)
        writer.close()
        assert [len(next(lines)) for _ in range(5000)] == [100] * 5000
        assert writer.wait(PATIENCE)


def test_what_an_encoding_does_not_know_is_written_all_the_same():
    with pipe() as (lines, fd):
        writer = LineWriter(fd, say_dropped=say_dropped, encoding="ascii")
        writer.put("größer \udc80")
        writer.close()
        assert writer.wait(PATIENCE)
        assert next(lines) == "gr\\xf6\\xdfer \\udc80\n"
