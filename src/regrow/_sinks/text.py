"""Events as lines for people."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator

from regrow._sinks.words import Background, Tone, describe, is_minor, tone
from regrow._specs.child import ChildSpec, Restart
from regrow._specs.event import ChildExited, ChildOutput, Event, RestartScheduled
from regrow._specs.exit import Reason
from regrow._specs.protocol import Stream
from regrow._specs.supervisor import AnySupervisorSpec, DynamicSpec, walk

_WIDEST = 24  # a longer path shifts its own line, not all of them
_RESET, _DIM = "\x1b[0m", "\x1b[2m"
_COLORS = {Tone.PLAIN: "", Tone.GOOD: "\x1b[32m", Tone.CAREFUL: "\x1b[33m", Tone.BAD: "\x1b[1;31m"}
_NAMES = [f"\x1b[{number}m" for number in (36, 35, 34, 33, 96, 95, 94)]  # neither red nor green: those have a meaning


class TextFormat:
    """A line says when, where and what; a line of a child's says where, and then what the child said."""

    def __init__(
        self, spec: AnySupervisorSpec, *, colored: frozenset[Stream] = frozenset(), is_verbose: bool = False
    ) -> None:
        self._background = Background(spec)
        self._root = spec.name
        self._width = min(_WIDEST, max(len(name) for name in _names(spec)))
        self._colored = colored
        self._is_verbose = is_verbose
        self._held: ChildExited | None = None  # told together with the restart, if that is what comes next

    def lines(self, event: Event) -> Iterator[tuple[Stream, str]]:
        """The lines that say *event*, and where to print each."""
        self._background.note(event)
        held, self._held = self._held, None
        if isinstance(event, RestartScheduled) and held is not None and held.path == event.path:
            yield Stream.STDERR, self._line(event, Tone.BAD, f"{self._words(held)}, {self._words(event)}")
            return
        if held is not None:
            yield Stream.STDERR, self._line(held, tone(held), self._words(held))
        if isinstance(event, ChildOutput):
            yield event.stream, self._child_line(event)
        elif isinstance(event, ChildExited) and self._is_due(event):
            self._held = event
        elif self._is_verbose or not is_minor(event, self._background):
            yield Stream.STDERR, self._line(event, tone(event), self._words(event))

    def rest(self) -> Iterator[tuple[Stream, str]]:
        """Nothing more will happen: what was held back."""
        if self._held is not None:
            yield Stream.STDERR, self._line(self._held, tone(self._held), self._words(self._held))

    def error(self, error: Exception) -> str:
        """The story of a bad end."""
        first, *more = f"regrow: {error}".split("\n")
        return "\n".join([self._paint(Stream.STDERR, _COLORS[Tone.BAD], first), *more])

    def dropped(self, count: int) -> str:
        """In place of lines that nobody could be found to read."""
        lines = "1 line was" if count == 1 else f"{count} lines were"
        return f"regrow: {lines} dropped here, because nobody read them in time"

    def _words(self, event: Event) -> str:
        return describe(event, self._background)

    def _is_due(self, event: ChildExited) -> bool:
        """Whether a restart is what will be heard next of it, in all likelihood."""
        spec = self._background.at(event.path)
        if not isinstance(spec, ChildSpec) or event.exit.reason is Reason.STOPPED:
            return False
        return spec.restart is Restart.PERMANENT or (
            spec.restart is Restart.TRANSIENT and event.exit.reason.is_abnormal
        )

    def _line(self, event: Event, tone: Tone, words: str) -> str:
        seconds, milliseconds = divmod(round(event.time * 1000), 1000)
        clock = f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{milliseconds:03}"
        when = self._paint(Stream.STDERR, _DIM, clock)
        return f"{when}  {self._name(event.path, Stream.STDERR)}  {self._paint(Stream.STDERR, _COLORS[tone], words)}"

    def _child_line(self, event: ChildOutput) -> str:
        bar = self._paint(event.stream, _DIM, "|")
        end = _RESET if "\x1b" in event.line and event.stream in self._colored else ""  # its colours are not ours
        return f"{self._name(event.path, event.stream)} {bar} {event.line}{end}"

    def _name(self, path: str, stream: Stream) -> str:
        name = f"{self._root if path == '.' else path:<{self._width}}"
        color = "\x1b[1m" if path == "." else _NAMES[zlib.crc32(path.encode()) % len(_NAMES)]
        return self._paint(stream, color, name)

    def _paint(self, stream: Stream, color: str, text: str) -> str:
        return f"{color}{text}{_RESET}" if color and stream in self._colored else text


def _names(spec: AnySupervisorSpec) -> Iterator[str]:
    """What will stand at the beginning of lines."""
    for path, part in walk(spec):
        yield spec.name if path == "." else path
        if isinstance(part, DynamicSpec) and part.template is not None:
            yield f"{'' if path == '.' else f'{path}/'}{part.template.name}-1"
