"""What a launch needs that may block: files that are opened, names that are looked up. Done in a thread."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
from collections.abc import Sequence

import attrs

from regrow._edge.orders.accounts import Identity, identify
from regrow._edge.orders.order import Order, open_file
from regrow._edge.orders.refusals import RefusedError
from regrow._edge.orders.sockets import Opened, open_sockets
from regrow._specs.listen import ListenSocket
from regrow._specs.protocol import NotLaunched


@attrs.frozen
class Prepared:
    """What was found and opened."""

    file: int | None = None
    identity: Identity | None = None
    sockets: Opened = attrs.field(factory=Opened)

    def discard(self) -> None:
        """Nobody wants it."""
        if self.file is not None:
            os.close(self.file)
        for listening in self.sockets.values():
            listening.close()


def takes_a_thread(order: Order, sockets: Sequence[ListenSocket]) -> bool:
    """Whether there is anything to prepare; *sockets* are those that are not open yet."""
    return order.file is not None or order.setup.who is not None or bool(sockets)


def prepare(order: Order, sockets: Sequence[ListenSocket]) -> Prepared | NotLaunched:
    """Do all of it, or say what is wrong."""
    file = None
    try:
        identity = None if order.setup.who is None else identify(order.setup.who)
        file = None if order.file is None else open_file(order.file)
        return Prepared(file, identity, open_sockets(sockets))
    except RefusedError as refused:
        if file is not None:
            os.close(file)
        return refused.answer
