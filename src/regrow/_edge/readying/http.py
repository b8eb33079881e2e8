"""As much of HTTP/1.1 as it takes to ask a server whether it is well: one GET, its status, a part of the body."""

from __future__ import annotations

import ssl
from typing import TypeAlias
from urllib.parse import SplitResult

import attrs
import trio

Stream: TypeAlias = "trio.SocketStream | trio.SSLStream[trio.SocketStream]"

_CHUNK = 16 * 1024
_HEAD = 64 * 1024  # bytes of a status line with all headers
_BODY = 1024 * 1024  # bytes of a body that are looked at


class AnswerError(Exception):
    """Something answers, but it does not speak HTTP."""


@attrs.frozen
class Answer:
    """What a server has answered."""

    status: int
    body: bytes
    """Its beginning, if that was asked for."""


async def get(stream: Stream, url: SplitResult, *, with_body: bool) -> Answer:
    """Ask for *url* over *stream*, which is connected to its server, and is of no use afterwards.

    Raises:
        AnswerError: that is no HTTP.
        trio.BrokenResourceError: the connection broke.
    """
    await stream.send_all(_request(url))
    reader = _Reader(stream)
    status, headers = 100, dict[str, str]()
    while 100 <= status < 200:  # those are said before the answer
        status, headers = _head(await reader.until(b"\r\n\r\n", _HEAD))
    body = await _body(reader, headers) if with_body and status not in {204, 304} else b""
    return Answer(status, body)


def connect_tls(stream: trio.SocketStream, host: str, *, verify: bool) -> trio.SSLStream[trio.SocketStream]:
    """Speak TLS over *stream*."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)


def _request(url: SplitResult) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    host = url.netloc
    lines = (f"GET {target} HTTP/1.1", f"Host: {host}", "User-Agent: regrow", "Accept: */*", "Connection: close")
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")


def _head(data: bytes) -> tuple[int, dict[str, str]]:
    first, *rest = data.decode("latin-1").split("\r\n")
    version, _, words = first.partition(" ")
    status = words[:3]
    if not version.startswith("HTTP/1.") or not (len(status) == 3 and status.isascii() and status.isdigit()):
        raise AnswerError(f"the answer is no HTTP: it begins with {first[:40]!r}")
    named = (line.partition(":") for line in rest)
    return int(status), {name.strip().lower(): value.strip() for name, _, value in named}


async def _body(reader: _Reader, headers: dict[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _chunks(reader)
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit():
        return await reader.take(min(int(length[:9]), _BODY))
    return await reader.rest(_BODY)


async def _chunks(reader: _Reader) -> bytes:
    found = b""
    while len(found) < _BODY:
        line = await reader.until(b"\r\n", _HEAD)
        try:
            size = int(line.partition(b";")[0].strip(), 16)
        except ValueError:
            raise AnswerError(f"the answer is no HTTP: a chunk begins with {line[:40]!r}") from None
        if size <= 0:
            break
        found += await reader.take(min(size, _BODY))
        await reader.until(b"\r\n", _HEAD)
    return found


class _Reader:
    """Bytes as they come, in pieces as they are wanted."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._data = b""

    async def until(self, end: bytes, most: int) -> bytes:
        """All before *end*, which is gone then."""
        while end not in self._data:
            if len(self._data) > most or not await self._more():
                raise AnswerError(f"the answer is no HTTP, or not whole: it begins with {self._data[:40]!r}")
        found, _, self._data = self._data.partition(end)
        return found

    async def take(self, size: int) -> bytes:
        """So many bytes, or fewer if there are no more."""
        while len(self._data) < size and await self._more():
            pass
        found, self._data = self._data[:size], self._data[size:]
        return found

    async def rest(self, most: int) -> bytes:
        """All until the end, but not more than that."""
        return await self.take(most)

    async def _more(self) -> bool:
        data = await self._stream.receive_some(_CHUNK)
        self._data += data
        return bool(data)
