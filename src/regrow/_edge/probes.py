"""Whether a child is ready: the probes of `_specs.readiness` carried out, and anybody else's."""

from __future__ import annotations

import inspect
import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs
import trio

from regrow._specs.protocol import Ready, ReadyFailed, Target
from regrow._specs.readiness import Calls, Completes, TcpPort

if TYPE_CHECKING:
    from regrow._specs.child import ReadySpec

_SOONEST, _LATEST = 0.005, 0.2  # seconds between two attempts to connect: at first, and in the long run
_CONNECT = 1.0  # seconds for one attempt: a firewall may swallow it, and the next one may be answered


@attrs.define
class _Notes:
    """What a probe tells of itself while it waits."""

    last_error: str = ""


async def get_ready(probe: ReadySpec, target: Target, *, since: float, start_timeout: float) -> Ready | ReadyFailed:
    """Wait until *target* is ready, or is not going to be; at most until *start_timeout* seconds after *since*.

    With `Completes`, `Ready` is never the answer: whoever sees the end of the process says how it was.
    """
    notes = _Notes()
    with trio.move_on_at(since + start_timeout):
        try:
            await _wait(probe, target, notes)
        except Exception as error:  # noqa: BLE001  a probe may be anybody's
            return ReadyFailed(_words(error))
        return Ready()
    last = f"; last error: {notes.last_error}" if notes.last_error else ""
    return ReadyFailed(f"not ready within {start_timeout:g} s: still waiting for {probe}{last}")


async def _wait(probe: ReadySpec, target: Target, notes: _Notes) -> None:
    match probe:
        case TcpPort():
            await _connect(probe, notes)
        case Calls():
            await _call(probe, notes)
        case Completes():
            await trio.sleep_forever()
        case _:
            await probe.wait_ready(target)


async def _connect(probe: TcpPort, notes: _Notes) -> None:
    for pause in _pauses(_LATEST):
        try:
            with trio.fail_after(_CONNECT):
                if await _is_accepted(probe):
                    return
        except trio.TooSlowError:
            notes.last_error = f"no answer within {_CONNECT:g} s"
        except OSError as error:  # trio's own words would repeat the address
            is_known = error.errno is not None and error.errno > 0
            notes.last_error = os.strerror(error.errno or 0) if is_known else str(error)
        await trio.sleep(pause)


async def _is_accepted(probe: TcpPort) -> bool:
    addresses = await trio.socket.getaddrinfo(probe.host, probe.port, type=socket.SOCK_STREAM)
    failure = OSError(f"no address for {probe.host!r}")
    for family, kind, protocol, _, address in addresses:
        with trio.socket.socket(family, kind, protocol) as client:
            try:
                await client.connect(address)
            except OSError as error:
                failure = error
            else:
                # The kernel may choose the very port that is asked for as our own, and connect us to ourselves.
                return bool(client.getsockname() != client.getpeername())
    raise failure


async def _call(probe: Calls, notes: _Notes) -> None:
    for pause in _pauses(probe.interval):
        try:
            answer = probe.function()
            if inspect.isawaitable(answer):
                answer = await answer
            if answer:
                return
        except Exception as error:  # noqa: BLE001  whatever it raises says: not yet
            notes.last_error = _words(error)
        await trio.sleep(pause)


def _pauses(latest: float) -> Iterator[float]:
    pause = min(_SOONEST, latest)
    while True:
        yield pause
        pause = min(2 * pause, latest)


def _words(error: Exception) -> str:
    return str(error) or repr(error)
