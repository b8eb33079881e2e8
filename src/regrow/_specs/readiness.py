"""What it takes for a child to be ready, as plain values; the edge knows how to find out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from regrow._specs import fields
from regrow._specs.check import gather, report


@attrs.frozen(field_transformer=gather)
class TcpPort:
    """Ready when a TCP connection to *port* of *host* is accepted."""

    port: int = attrs.field(validator=[fields.count(1), fields.number(1, 65535)])
    """1 to 65535."""

    host: str = attrs.field(default="127.0.0.1", validator=fields.text)
    """A name or an address."""

    def __attrs_post_init__(self) -> None:
        report(self, "tcp_port")

    def __str__(self) -> str:
        return f"TCP port {self.host}:{self.port}"


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
