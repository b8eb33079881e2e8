"""Sockets that are opened for a child, and stay open while it is restarted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, cast

import attrs

from regrow._specs import fields
from regrow._specs.check import gather, leniently, report

_WANTED = "write 'host:port', '[::1]:port' or '/path/of/a/unix/socket'"
_HOST = re.compile(r"[A-Za-z0-9._-]+\Z")
_NAME = re.compile(r"[A-Za-z0-9._@/-]{0,255}\Z")  # a colon would end it, where the child reads the names
_LONGEST_PATH = 107
"""Bytes that the address of a Unix socket may have on Linux."""


def _address(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"must be a string, not {value!r}; {_WANTED}")
    if "\0" in value:
        raise ValueError(f"{value!r} has a NUL character")
    if value.startswith("/"):
        _check_path(value)
    else:
        _check_host(value)


def _check_path(path: str) -> None:
    if len(path.encode()) > _LONGEST_PATH:
        raise ValueError(f"{path!r} is too long: the path of a socket has at most {_LONGEST_PATH} bytes")


def _check_host(address: str) -> None:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{address!r} is no address: {_WANTED}")
    if host in {"", "*"}:
        raise ValueError(f"{address!r} names no host; for all of them write '0.0.0.0:{port}' or '[::]:{port}'")
    if host.startswith("[") and host.endswith("]"):
        from ipaddress import IPv6Address  # noqa: PLC0415  few need it

        with suppress(ValueError):
            IPv6Address(host[1:-1])
            return
    elif _HOST.match(host):
        return
    raise ValueError(f"{host!r} is no host; {_WANTED}")


def _name(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"must be a string, not {value!r}")
    if not _NAME.match(value):
        raise ValueError(f"{value!r} is not a name: at most 255 letters, digits and ._@/-")


@attrs.frozen(field_transformer=gather)
class ListenSocket:
    """A socket that listens before the child is there, and goes on to while it is restarted.

    So nobody who connects is refused: who comes meanwhile waits until the next incarnation accepts. The child is given
    it as systemd passes sockets on: as descriptor 3 and those after it, told by `LISTEN_FDS`, `LISTEN_PID` and
    `LISTEN_FDNAMES`.
    """

    address: str = attrs.field(converter=fields.to_path, validator=_address)
    """`"host:port"`, `"[::1]:port"`, or the absolute path of a Unix socket. Port 0: any that is free."""

    name: str = attrs.field(default="", kw_only=True, validator=_name)
    """What the child reads in `LISTEN_FDNAMES`; if it is empty, `unknown`, as systemd has it."""

    backlog: int = attrs.field(default=128, kw_only=True, validator=fields.count(1))
    """How many connections may wait to be accepted."""

    def __attrs_post_init__(self) -> None:
        report(self, "listen_socket")

    def __str__(self) -> str:
        return self.address

    @property
    def path(self) -> str | None:
        """Where the Unix socket is; `None`: it is a TCP socket."""
        return self.address if self.address.startswith("/") else None

    @property
    def host(self) -> str:
        """A name or an address, without brackets; empty for a Unix socket."""
        return "" if self.path else self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """0: any that is free; also 0 for a Unix socket."""
        return 0 if self.path else int(self.address.rpartition(":")[2])


def to_sockets(value: Iterable[ListenSocket | str]) -> tuple[ListenSocket, ...]:
    """A converter: an address is as good as its socket."""
    items: Any = fields.to_tuple(value)
    if not isinstance(items, tuple):
        return cast("tuple[ListenSocket, ...]", items)  # for a validator to refuse
    with leniently():  # what is wrong with an address is told with the rest of the child
        return tuple(ListenSocket(item) if isinstance(item, str) else item for item in items)
