"""Events as JSON, one object in a line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from regrow._sinks.log import facts, level, name
from regrow._specs.event import ChildOutput, Event
from regrow._specs.protocol import Stream


class JsonFormat:
    """`event`, `level`, `path`, `seq`, `time` (UTC), `at` (seconds of one clock), and the facts of the event."""

    def lines(self, event: Event) -> Iterator[tuple[Stream, str]]:
        """The line that says *event*, and where to print it."""
        stream = event.stream if isinstance(event, ChildOutput) else Stream.STDERR
        yield (
            stream,
            _line(name(event), level(event), event.time, path=event.path, seq=event.seq, at=event.at, **facts(event)),
        )

    def rest(self) -> Iterator[tuple[Stream, str]]:
        """Nothing is held back."""
        return iter(())

    def error(self, error: Exception) -> str:
        """The story of a bad end."""
        code = getattr(error, "code", None)
        return _line("error", "error", time.time(), kind=code or type(error).__name__, error=str(error))

    def dropped(self, count: int) -> str:
        """In place of lines that nobody could be found to read."""
        return _line("lines_dropped", "warning", time.time(), count=count)


def _line(event: str, level: str, moment: float, **more: Any) -> str:
    when = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"event": event, "level": level, "time": when, **more}, ensure_ascii=False, default=str)
