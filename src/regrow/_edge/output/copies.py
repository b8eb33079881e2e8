"""What one stream of one child prints, on its way to an outlet; and what got lost on that way."""

from __future__ import annotations

from collections.abc import Callable

from regrow._edge.output.outlet import LIMIT, RESERVE, Outlet, Outlets
from regrow._edge.request import Request
from regrow._specs.output import OutputTo
from regrow._specs.protocol import OutputGap, Report, Stream


class Copy:
    """Copies one stream to one outlet, and keeps account of gaps."""

    __slots__ = ("_at_line_start", "_lost", "_outlet", "_report", "_stream", "_who")

    def __init__(self, outlet: Outlet, who: str, stream: Stream, report: Report) -> None:
        self._outlet = outlet
        self._who = who
        self._stream = stream
        self._report = report
        self._lost = 0  # bytes, since the last gap was told
        self._at_line_start = True

    @property
    def is_full(self) -> bool:
        """Whether to wait for room, with `when_room`, before the next `write`."""
        return self._outlet.is_full

    def when_room(self, call: Callable[[], None]) -> None:
        """Call *call* when there is room again, or when it is no use to wait for it."""
        self._outlet.when_room(call)

    def write(self, data: bytes) -> None:
        """Pass *data* on, or count it as lost."""
        if self._lost and self._outlet.has_room:  # not as soon as one chunk fits: that would make many small gaps
            self._tell_gap()
        if not self._lost and self._outlet.put(data, self._lose):
            self._at_line_start = data.endswith(b"\n")
        else:
            self._lost += len(data)

    def end(self) -> None:
        """Nothing more comes: tell of what was lost."""
        if self._lost and not self._tell_gap():
            self._report(OutputGap(self._stream, self._lost))
        self._outlet.leave()

    def _tell_gap(self) -> bool:
        """Say in the outlet, then in a fact, what is missing; or say that there is no room even for that."""
        line = f"[regrow] {self._who}: {self._lost} bytes of {self._stream} are missing here\n".encode()
        if not self._at_line_start:
            line = b"\n" + line
        if not self._outlet.put(line, _ignore, limit=LIMIT + RESERVE):
            return False
        self._at_line_start = True
        self._report(OutputGap(self._stream, self._lost))
        self._lost = 0
        return True

    def _lose(self, size: int) -> None:
        self._lost += size


def _ignore(size: int) -> None:
    """A line of ours that is lost is no loss of the child's."""


def make_copies(outlets: Outlets, request: Request, file: int | None) -> tuple[Copy | None, Copy | None]:
    """Where a child's standard output and standard error are copied to; *file* is open if that is a file."""
    key, report = request.key, request.report
    match request.spec.output.to:
        case OutputTo.INHERIT:
            out, err = outlets.stdout, outlets.stderr
        case OutputTo.FILE if file is not None:
            out = err = outlets.file(file, streams=2)
        case _:
            return None, None
    return Copy(out, key.path, Stream.STDOUT, report), Copy(err, key.path, Stream.STDERR, report)
