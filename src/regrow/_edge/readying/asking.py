"""Questions to a child that are asked until the answer is right: over HTTP, by a command, by a call."""

from __future__ import annotations

import inspect
import re
import ssl

import trio
from trio.socket import SocketType

from regrow._edge.readying import http
from regrow._edge.readying.ports import check_peer, try_each
from regrow._edge.readying.scene import Scene
from regrow._specs.asking import HttpOk, Succeeds
from regrow._specs.readiness import Calls

_PORTS = {"http": 80, "https": 443}


class WrongError(Exception):
    """The answer is not the right one."""


async def try_http(probe: HttpOk, scene: Scene) -> None:
    """Return if it is answered as it should be, by its own.

    Raises:
        WrongError: it is answered in another way.
        OSError: it is not answered.
        StrangerError: somebody else answers.
    """
    url = probe.parts
    try:
        await try_each(url.hostname or "", url.port or _PORTS[url.scheme], lambda client: _ask(client, probe, scene))
    except trio.BrokenResourceError as error:
        cause = error.__cause__
        why = f": {cause.reason}" if isinstance(cause, ssl.SSLError) else ""
        raise WrongError(f"the connection broke{why}") from error
    except http.AnswerError as error:
        raise WrongError(str(error)) from None


async def _ask(client: SocketType, probe: HttpOk, scene: Scene) -> None:
    await check_peer(client, scene, str(probe))
    connection = trio.SocketStream(client)
    stream: http.Stream = connection
    if probe.parts.scheme == "https":
        stream = http.connect_tls(connection, probe.parts.hostname or "", verify=probe.verify)
    answer = await http.get(stream, probe.parts, with_body=probe.body is not None)
    if answer.status not in (range(200, 300) if probe.status is None else probe.status):
        raise WrongError(f"the answer was {answer.status}")
    if probe.body is not None and not re.search(probe.body, answer.body.decode(errors="replace")):
        raise WrongError(f"the answer was {answer.status}, with another body: {answer.body[:40]!r}")


async def try_command(probe: Succeeds, scene: Scene) -> None:
    """Return if the command exits 0. Cancelled, it is killed.

    Raises:
        WrongError: it ends in another way.
    """
    errand = scene.run(probe.command)
    try:
        await errand.over.wait()
    finally:
        errand.end()
    if errand.outcome:
        raise WrongError(errand.outcome)


async def try_call(probe: Calls) -> None:
    """Return if it returns true.

    Raises:
        Exception: whatever it raises, which says: not yet.
    """
    answer = probe.function()
    if inspect.isawaitable(answer):
        answer = await answer
    if not answer:
        raise WrongError("")
