"""What it takes for a child to be ready, as plain values; the edge knows how to find out."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from regrow._specs import fields
from regrow._specs.check import gather, report
from regrow._specs.facts import Stream


def pattern(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what is no regular expression."""
    if not isinstance(value, str):
        raise TypeError(f"must be a regular expression, as a string, not {value!r}")
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from None


def _to_stream(value: Stream | str | None) -> Stream | None:
    return None if value is None else fields.member(Stream, value)


@attrs.frozen(field_transformer=gather)
class TcpPort:
    """Ready when a TCP connection to *port* of *host* is accepted, and not by a stranger.

    On Linux, who listens to a port of this machine is looked up: if it is not the child or a descendant of it, that
    is not believed, and the status and the error say whose port it is. Where it cannot be known, that is said.
    """

    port: int = attrs.field(validator=[fields.count(1), fields.number(1, 65535)])
    """1 to 65535."""

    host: str = attrs.field(default="127.0.0.1", validator=fields.text)
    """A name or an address."""

    def __attrs_post_init__(self) -> None:
        report(self, "tcp_port")

    def __str__(self) -> str:
        return f"TCP port {self.host}:{self.port}"


@attrs.frozen(field_transformer=gather)
class UnixSocket:
    """Ready when a connection to the unix socket at *path* is accepted, and not by a stranger. Not on Windows."""

    path: str = attrs.field(converter=fields.to_path, validator=fields.text)
    """A relative one counts from the directory of the child. `@name`, on Linux: an abstract one."""

    def __attrs_post_init__(self) -> None:
        report(self, "unix_socket")

    def __str__(self) -> str:
        return f"unix socket {self.path}"


@attrs.frozen(field_transformer=gather)
class FileExists:
    """Ready when there is something at *path*."""

    path: str = attrs.field(converter=fields.to_path, validator=fields.text)
    """A relative one counts from the directory of the child."""

    fresh: bool = attrs.field(default=True, kw_only=True, validator=fields.flag)
    """Whether what has been there since before the launch does not count, until it is written or made anew."""

    def __attrs_post_init__(self) -> None:
        report(self, "file_exists")

    def __str__(self) -> str:
        return f"file {self.path}"


@attrs.frozen(field_transformer=gather)
class OutputLine:
    """Ready when the child has printed a line in which *pattern* is found.

    It sees the output on its way, whatever becomes of that: nothing is polled.
    """

    pattern: str = attrs.field(validator=pattern)
    """A regular expression, searched for in each whole line (`re.search`), without its end."""

    stream: Stream | None = attrs.field(
        default=None,
        kw_only=True,
        converter=_to_stream,
        validator=attrs.validators.optional(fields.one_of(Stream)),
    )
    """Where; `None`: on either."""

    def __attrs_post_init__(self) -> None:
        report(self, "output_line")

    def __str__(self) -> str:
        return f"line {self.pattern!r} on {self.stream or 'its output'}"


@attrs.frozen
class Notified:
    """Ready when the child, or a descendant of it, says so in the words of sd_notify(3): `READY=1`.

    `NOTIFY_SOCKET` in its environment says where. `EXTEND_TIMEOUT_USEC` gives it more time than its `start_timeout`.
    Not on Windows.
    """

    def __str__(self) -> str:
        return "READY=1"


@attrs.frozen(field_transformer=gather)
class Calls:
    """Ready when *function*, called again and again, returns true.

    One that raises says *not yet*; what it raised last is in the error if the time runs out. An async function may
    take its time and is cancelled at the deadline or when the child dies; a plain one must not block.
    Local only: a function cannot travel to another machine.
    """

    function: Callable[[], bool | Awaitable[bool]] = attrs.field(validator=fields.callable_)
    """Takes nothing, returns a boolean or an awaitable of one."""

    interval: float = attrs.field(
        default=0.1,
        kw_only=True,
        converter=fields.to_seconds,
        validator=fields.seconds(above=0, infinite=False),
    )
    """Seconds between two calls, at most; the first ones follow each other faster."""

    def __attrs_post_init__(self) -> None:
        report(self, "calls")

    def __str__(self) -> str:
        return f"call of {getattr(self.function, '__qualname__', self.function)}"


@attrs.frozen
class Completes:
    """Ready when the program has ended well: a one-shot that must be done before the next sibling starts.

    It is down then, and no restart question is asked. Ending otherwise is a failed start.
    """

    def __str__(self) -> str:
        return "completion"
