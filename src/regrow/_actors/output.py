"""What a child printed: the last lines are kept, and each is told to who wants to hear it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from regrow._specs.facts import Stream
from regrow._specs.output import OutputPolicy, OutputTo

LONGEST = 64 * 1024
"""Bytes that a line may have."""


class Tail:
    """The last lines of one stream, bounded in lines and in bytes."""

    def __init__(self, policy: OutputPolicy) -> None:
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._rest = bytearray()  # what has no end of line yet
        self._max_lines = policy.tail_lines
        self._max_bytes = policy.tail_bytes

    def feed(self, data: bytes) -> list[str]:
        """Take what was printed; return the lines that are complete now.

        What has no end of line yet is cut at `LONGEST`, and goes on as the next line.
        """
        self._rest += data
        *lines, rest = self._rest.split(b"\n")
        self._rest = rest
        while len(self._rest) > LONGEST:
            lines.append(self._rest[:LONGEST])
            del self._rest[:LONGEST]
        complete = [bytes(line) for line in lines]
        self._keep(complete)
        return [_text(line) for line in complete]

    def finish(self) -> list[str]:
        """The stream has ended: what has no end of line is a line too."""
        return self.feed(b"\n") if self._rest else []

    def lines(self, count: int | None = None) -> tuple[str, ...]:
        """The last *count* lines, or all that are kept, oldest first; one without an end of line is the last."""
        lines = [_text(line) for line in self._lines]
        if self._rest:
            lines.append(_text(bytes(self._rest)))
        return tuple(lines if count is None else lines[max(0, len(lines) - count) :])

    def _keep(self, lines: list[bytes]) -> None:
        for line in lines[-self._max_lines :] if self._max_lines else ():
            kept = line[max(0, len(line) - self._max_bytes) :]  # of a line that is too long, the end
            self._lines.append(kept)
            self._size += len(kept)
        while self._lines and (len(self._lines) > self._max_lines or self._size > self._max_bytes):
            self._size -= len(self._lines.popleft())


class Printed:
    """What one incarnation printed, to both streams."""

    def __init__(self, policy: OutputPolicy, say: Callable[[Stream, str], object]) -> None:
        self._policy = policy
        self._say = say
        self._tails: dict[Stream, Tail] = {}

    def feed(self, stream: Stream, data: bytes) -> None:
        """Take what was printed."""
        if stream not in self._tails:
            self._tails[stream] = Tail(self._policy)
        self._tell(stream, self._tails[stream].feed(data))

    def finish(self) -> None:
        """There will be no more."""
        for stream, tail in self._tails.items():
            self._tell(stream, tail.finish())

    def lines(self, stream: Stream, count: int | None = None) -> tuple[str, ...]:
        """The last lines of one stream."""
        tail = self._tails.get(stream)
        return tail.lines(count) if tail else ()

    def _tell(self, stream: Stream, lines: list[str]) -> None:
        if self._policy.to is OutputTo.EVENTS:
            for line in lines:
                self._say(stream, line)


def _text(line: bytes) -> str:
    """A line for people: whatever it is, it can be printed."""
    return line.decode("utf-8", "replace").rstrip("\r")
