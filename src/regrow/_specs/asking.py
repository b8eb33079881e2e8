"""Probes that ask a question, again and again, until the answer is right: over HTTP, or by a command."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import SplitResult, urlsplit

import attrs

from regrow._specs import fields
from regrow._specs.check import gather, report
from regrow._specs.readiness import pattern

_SECONDS: Any = fields.seconds(above=0, infinite=False)


def _url(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what is no address that can be asked over HTTP."""
    fields.text(_, field, value)
    if not value.isascii() or any(letter <= " " for letter in value):
        raise ValueError(f"{value!r} has a character that no URL has; quote it as %XX")
    try:
        parts = urlsplit(value)
        is_fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError as error:  # a port that is none, an address that is none
        raise ValueError(f"{value!r} is not a URL: {error}") from None
    if not is_fine:
        raise ValueError(f"{value!r} is not the URL of a web server, such as 'http://127.0.0.1:8000/health'")
    if parts.username is not None:
        raise ValueError("must hold no password: every status and event shows it")


def _to_statuses(value: Iterable[int] | int | None) -> frozenset[int] | None:
    return None if value is None else fields.to_codes(value)


def _statuses(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what is no set of HTTP statuses."""
    if value is None:
        return
    if not isinstance(value, frozenset) or not value:
        raise TypeError(f"must be an HTTP status, or several, not {value!r}")
    for status in value:
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
            raise ValueError(f"{status!r} is not an HTTP status: those are 200 to 599")


@attrs.frozen(field_transformer=gather)
class HttpOk:
    """Ready when a GET of *url* is answered as it should be, and not by a stranger (see `TcpPort`).

    Redirects are not followed: name their status if one will do. Proxies are not used.
    """

    url: str = attrs.field(validator=_url)
    """`http://` or `https://`, with a host, perhaps a port, a path, a query."""

    status: frozenset[int] | None = attrs.field(default=None, kw_only=True, converter=_to_statuses, validator=_statuses)
    """The HTTP statuses that are right; a single one is taken too; `None`: 200 to 299."""

    body: str | None = attrs.field(default=None, kw_only=True, validator=attrs.validators.optional(pattern))
    """A regular expression that must be found in the first 1 MB of the body; `None`: that is not read."""

    verify: bool = attrs.field(default=True, kw_only=True, validator=fields.flag)
    """Whether the certificate of an `https` server must be one that is trusted here."""

    interval: float = attrs.field(default=0.5, kw_only=True, converter=fields.to_seconds, validator=_SECONDS)
    """Seconds between two questions, at most; the first ones follow each other faster."""

    timeout: float = attrs.field(default=2.0, kw_only=True, converter=fields.to_seconds, validator=_SECONDS)
    """Seconds for one answer."""

    def __attrs_post_init__(self) -> None:
        report(self, "http_ok")

    @property
    def parts(self) -> SplitResult:
        """The parts of its URL."""
        return urlsplit(self.url)

    def __str__(self) -> str:
        wanted = "OK" if self.status is None else " or ".join(map(str, sorted(self.status)))
        return f"{wanted} from {self.url}" + ("" if self.body is None else f" with {self.body!r}")


@attrs.frozen(field_transformer=gather)
class Succeeds:
    """Ready when *command*, run again and again, exits 0.

    It sees the child's environment, and `REGROW_PID`; its output is discarded. One that runs too long is killed, and
    so it is when the child dies.
    """

    command: tuple[str, ...] = attrs.field(converter=fields.to_arguments, validator=fields.arguments)
    """The program and its arguments; no shell."""

    interval: float = attrs.field(default=1.0, kw_only=True, converter=fields.to_seconds, validator=_SECONDS)
    """Seconds from one end to the next start, at most; the first ones follow each other faster."""

    timeout: float = attrs.field(default=5.0, kw_only=True, converter=fields.to_seconds, validator=_SECONDS)
    """Seconds for one run."""

    def __attrs_post_init__(self) -> None:
        report(self, "succeeds")

    def __str__(self) -> str:
        return f"success of {' '.join(self.command)}"
