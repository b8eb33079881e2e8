"""The sockets that a fake launcher keeps open: no network, but who may connect, and who answers."""

from __future__ import annotations

import itertools

import trio

from regrow._specs.child import ChildSpec
from regrow._specs.facts import Key
from regrow._specs.listen import ListenSocket

Place = tuple[str, str]
"""A tree, and a path there."""


class Sockets:
    """Each belongs to a path of a tree, from its first start until it is forgotten, or named no more."""

    def __init__(self) -> None:
        self._open: dict[Place, list[tuple[ListenSocket, str]]] = {}
        self._answers: dict[Place, bytes] = {}  # of those that serve now
        self._ports = itertools.count(50_000)
        self._news = trio.Event()  # set when somebody serves, or a socket is closed

    def take(self, key: Key, spec: ChildSpec) -> tuple[str, ...]:
        """The addresses of the sockets of *spec*: those that are open already, else new ones."""
        had = self._open.pop((key.tree, key.path), [])
        has: list[tuple[ListenSocket, str]] = []
        for socket in spec.sockets:
            known = next((one for one in had if one[0] == socket), None)
            had = [one for one in had if one is not known]
            has.append(known or (socket, self._address(socket)))
        if has:
            self._open[key.tree, key.path] = has
        if had:
            self._tell()
        return tuple(address for _, address in has)

    def forget(self, tree: str, path: str) -> None:
        """Close those of this path."""
        self._open.pop((tree, path), None)
        self._tell()

    def close(self) -> None:
        """Close all."""
        self._open.clear()
        self._tell()

    def serve(self, key: Key, answer: bytes) -> None:
        """An incarnation answers whoever connects."""
        self._answers[key.tree, key.path] = answer
        self._tell()

    def leave(self, key: Key) -> None:
        """It does so no more."""
        self._answers.pop((key.tree, key.path), None)

    async def ask(self, address: str) -> bytes:
        """Connect, and return what is answered; who comes while nobody serves waits.

        Raises:
            ConnectionRefusedError: nobody listens there.
            ConnectionResetError: the socket was closed meanwhile.
        """
        if (place := self._find(address)) is None:
            raise ConnectionRefusedError(f"fake: nobody listens at {address}")
        await trio.lowlevel.checkpoint()
        while place not in self._answers:
            if self._find(address) != place:
                raise ConnectionResetError(f"fake: {address} was closed")
            await self._news.wait()
        return self._answers[place]

    def _address(self, socket: ListenSocket) -> str:
        return f"{socket.host}:{next(self._ports)}" if socket.path is None and socket.port == 0 else socket.address

    def _find(self, address: str) -> Place | None:
        for place, sockets in self._open.items():
            if address in (one for _, one in sockets):
                return place
        return None

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()
