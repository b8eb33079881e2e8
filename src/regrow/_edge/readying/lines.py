"""Lines that are waited for, in what a child prints: seen on their way, whatever becomes of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import trio

from regrow._specs.protocol import Fact, Output, Report, Stream
from regrow._specs.readiness import OutputLine

_LONGEST = 64 * 1024  # bytes of a line; a longer one is looked at in pieces


class Lines:
    """Reads what is reported on its way, until everything that is waited for was there."""

    def __init__(self, awaited: Iterable[OutputLine], report: Report) -> None:
        self._report = report
        self._patterns = {probe: re.compile(probe.pattern) for probe in awaited}
        self._seen = {probe: trio.Event() for probe in self._patterns}
        self._begun: dict[Stream, bytes] = {}  # lines that have no end yet

    async def wait(self, probe: OutputLine) -> None:
        """Return when the line was there."""
        await self._seen[probe].wait()

    def close(self) -> None:
        """Nothing more is waited for."""
        self._patterns.clear()
        self._begun.clear()

    def report(self, fact: Fact) -> None:
        """Pass *fact* on, and look at it."""
        self._report(fact)
        if self._patterns and isinstance(fact, Output):
            self._feed(fact.stream, fact.data)

    def _feed(self, stream: Stream, data: bytes) -> None:
        *lines, rest = (self._begun.get(stream, b"") + data).split(b"\n")
        if len(rest) > _LONGEST:
            lines.append(rest)
            rest = b""
        self._begun[stream] = rest
        for line in lines:
            self._look_at(stream, line.rstrip(b"\r").decode(errors="replace"))

    def _look_at(self, stream: Stream, line: str) -> None:
        for probe, pattern in tuple(self._patterns.items()):
            if probe.stream in {None, stream} and pattern.search(line):
                self._seen[probe].set()
                del self._patterns[probe]
