"""Every event as a line on standard error, and every line of a child's where the child meant it to go."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Protocol, TextIO

from regrow._sinks.writer import LineWriter
from regrow._specs.event import Event
from regrow._specs.protocol import Stream

FLUSH = 1.0
"""Seconds that all writing may take in the end."""


class Format(Protocol):
    """How events look."""

    def lines(self, event: Event) -> Iterator[tuple[Stream, str]]:
        """The lines that say *event*, and where to print each."""
        ...

    def rest(self) -> Iterator[tuple[Stream, str]]:
        """Nothing more will happen: what was held back."""
        ...

    def error(self, error: Exception) -> str:
        """The story of a bad end."""
        ...

    def dropped(self, count: int) -> str:
        """In place of lines that could not be written."""
        ...


class PrintSink:
    """A sink that prints, and never waits for whoever reads."""

    def __init__(self, look: Format, *, stdout: TextIO | None, stderr: TextIO | None) -> None:
        self._look = look
        self._writers = _writers(look, stdout, stderr)

    def __call__(self, event: Event) -> None:
        """Print *event*."""
        for stream, line in self._look.lines(event):
            self._put(stream, line)

    def error(self, error: Exception) -> None:
        """Print the story of a bad end."""
        self._put(Stream.STDERR, self._look.error(error))

    def close(self) -> None:
        """Write what is still to be written, for at most `FLUSH` seconds. Blocks."""
        for stream, line in self._look.rest():
            self._put(stream, line)
        until = time.monotonic() + FLUSH
        for writer in self._writers.values():
            writer.close()
        for writer in self._writers.values():
            writer.wait(max(0.0, until - time.monotonic()))

    def _put(self, stream: Stream, line: str) -> None:
        if stream in self._writers:
            self._writers[stream].put(line)


def _writers(look: Format, stdout: TextIO | None, stderr: TextIO | None) -> dict[Stream, LineWriter]:
    """A writer for each stream; only one if both lead to the same place, so that the lines keep their order."""
    writers: dict[Stream, LineWriter] = {}
    places: dict[tuple[int, int], LineWriter] = {}
    for stream, file in ((Stream.STDERR, stderr), (Stream.STDOUT, stdout)):
        if file is None:  # closed, such as by `>&-`
            continue
        place = os.fstat(file.fileno())
        key = (place.st_dev, place.st_ino)
        if key not in places:
            places[key] = LineWriter(file.fileno(), say_dropped=look.dropped, encoding=file.encoding)
        writers[stream] = places[key]
    return writers
