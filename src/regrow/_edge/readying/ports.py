"""Who answers at a port or a unix socket, and that it is no stranger."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from functools import partial

import trio
from trio.socket import SocketType

from regrow._edge.readying.scene import Scene
from regrow._specs.readiness import TcpPort, UnixSocket

if sys.platform == "linux":
    from regrow._edge.readying import owners
    from regrow._edge.readying.owners import Verdict

_CREDENTIALS = struct.Struct("3i")


class StrangerError(Exception):
    """Somebody else answers."""


async def try_port(probe: TcpPort, scene: Scene) -> None:
    """Return if it is accepted, by its own.

    Raises:
        OSError: it is not accepted.
        StrangerError: it is, by somebody else.
    """
    await try_each(probe.host, probe.port, lambda client: check_peer(client, scene, str(probe)))


async def try_each(host: str, port: int, attempt: Callable[[SocketType], Awaitable[object]]) -> None:
    """Connect to each address of *host* in turn, and return when *attempt* goes well with one of them.

    Raises:
        Exception: the last one, if it went well with none.
    """
    addresses = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure: Exception = OSError(f"no address for {host!r}")
    for family, kind, protocol, _, address in addresses:
        with trio.socket.socket(family, kind, protocol) as client:
            try:
                await client.connect(address)
                await attempt(client)
            except Exception as error:  # noqa: BLE001  raised below, if no other goes well
                failure = error
            else:
                return
    raise failure


async def check_peer(client: SocketType, scene: Scene, what: str) -> None:
    """Return if who has accepted *client* is of the child's tree, or cannot be known.

    Raises:
        OSError: we are it.
        StrangerError: somebody else is it.
    """
    ours, theirs = client.getsockname(), client.getpeername()
    if ours == theirs:  # the kernel may choose the very port that is asked for as our own
        raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    is_here = ours[0] == theirs[0] or theirs[0].startswith("127.")
    if is_here:
        await _check_here(theirs[0], theirs[1], scene, what)


async def _check_here(address: str, port: int, scene: Scene, what: str) -> None:
    if sys.platform == "linux":
        verdict = await scene.look(partial(owners.of_port, _plain(address), port, _tree(scene)))
        _judge(verdict, scene, what)
    else:
        scene.remark(f"whose {what} is, cannot be known on this system")


async def try_unix(probe: UnixSocket, scene: Scene) -> None:
    """Return if it is accepted, by its own.

    Raises:
        OSError: it is not accepted.
        StrangerError: it is, by somebody else.
    """
    path = f"\0{probe.path[1:]}" if probe.path.startswith("@") else scene.place(probe.path)
    family: int = getattr(socket, "AF_UNIX", -1)  # Windows has none, and a spec that wants one is refused there
    with trio.socket.socket(family, socket.SOCK_STREAM) as client:
        await client.connect(path)
        if sys.platform == "linux":
            credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            pid = _CREDENTIALS.unpack(credentials)[0]
            _judge(await scene.look(partial(owners.of_peer, pid, _tree(scene))), scene, str(probe))
        else:
            scene.remark(f"whose {probe} is, cannot be known on this system")


if sys.platform == "linux":

    def _tree(scene: Scene) -> owners.Tree:
        return owners.Tree(scene.target.pid, scene.shim, scene.is_namespace, scene.is_given)

    def _judge(verdict: Verdict | None, scene: Scene, what: str) -> None:
        if verdict is None:
            raise OSError("who answers was not found out in time")
        if verdict.stranger:
            raise StrangerError(f"answered by {verdict.stranger}, which is not its own")
        if verdict.unknown:
            scene.remark(f"whose {what} is, cannot be known: {verdict.unknown}")


def _plain(address: str) -> str:
    """An IPv4 address that is written as one of IPv6, as what it is."""
    return address.removeprefix("::ffff:") if "." in address else address
