"""Sockets that listen for children, and go on to while their children are restarted."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import errno
import os
import socket
import stat
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock

import attrs

from regrow._edge.orders.refusals import RefusedError
from regrow._specs.listen import ListenSocket
from regrow._specs.protocol import Key, NotLaunched, Refusal


@attrs.define(eq=False)
class Listening:
    """One socket that listens."""

    socket: socket.socket
    path: str | None
    """Where it is in the file system, if it is there."""

    def close(self) -> None:
        """Nobody is served here any more."""
        with suppress(OSError):
            if self.path is not None and os.lstat(self.path).st_ino == self._inode:
                os.unlink(self.path)
        self.socket.close()

    _inode: int = attrs.field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        if self.path is not None:
            self._inode = os.lstat(self.path).st_ino


Opened = dict[ListenSocket, Listening]


class Sockets:
    """All sockets of one launcher, by the place of the child that they are for."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Opened] = {}
        self._lock = Lock()  # for what happens in threads

    def ensure(self, key: Key, wanted: Sequence[ListenSocket]) -> list[int]:
        """Have them open, and return their descriptors. In a thread.

        Raises:
            RefusedError: one cannot be opened.
        """
        with self._lock:
            self.keep(key, open_sockets(self.missing(key, wanted)))
            return self.numbers(key, wanted)

    def missing(self, key: Key, wanted: Sequence[ListenSocket]) -> list[ListenSocket]:
        """Which of those that *key* wants are not open yet. Those that it had and does not want any more are closed."""
        kept = self._kept.get((key.tree, key.path), {})
        for old in [one for one in kept if one not in wanted]:
            kept.pop(old).close()
        return [one for one in wanted if one not in kept]

    def keep(self, key: Key, opened: Opened) -> None:
        """Keep what was opened for *key*."""
        self._kept.setdefault((key.tree, key.path), {}).update(opened)

    def numbers(self, key: Key, wanted: Sequence[ListenSocket]) -> list[int]:
        """The descriptors of those that *key* wants, in this order."""
        kept = self._kept.get((key.tree, key.path), {})
        return [kept[one].socket.fileno() for one in wanted]

    def forget(self, tree: str, path: str) -> None:
        """No incarnation of *path* is to come."""
        with self._lock:
            forgotten = self._kept.pop((tree, path), {})
        for listening in forgotten.values():
            listening.close()

    def close(self) -> None:
        """Nobody is to come at all."""
        for tree, path in tuple(self._kept):
            self.forget(tree, path)


def open_sockets(wanted: Sequence[ListenSocket]) -> Opened:
    """Open all of *wanted*, or none. A name is looked up: not on the event loop.

    Raises:
        RefusedError: one cannot be opened.
    """
    opened: Opened = {}
    for one in wanted:
        try:
            opened[one] = _open(one)
        except OSError as error:
            for listening in opened.values():
                listening.close()
            why = f"socket {one.address} cannot be opened: {error.strerror or error}"
            raise RefusedError(NotLaunched(refusal=Refusal.PROGRAM, why=why, errno=error.errno)) from error
    return opened


def _open(one: ListenSocket) -> Listening:
    if one.path is not None:
        return _open_unix(one.path, one.backlog)
    family, kind, protocol, _, address = socket.getaddrinfo(
        one.host, one.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with _closed_on_error(socket.socket(family, kind, protocol)) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(one.backlog)
    return Listening(made, None)


def _open_unix(path: str, backlog: int) -> Listening:
    _remove_stale(path)
    with _closed_on_error(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as made:
        made.bind(path)
        made.listen(backlog)
    return Listening(made, path)


def _remove_stale(path: str) -> None:
    """Remove a socket that nobody listens at any more: its owner had no time to."""
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
                caller.setblocking(False)  # a full queue is somebody, too
                if caller.connect_ex(path) == errno.ECONNREFUSED:
                    os.unlink(path)


class _closed_on_error:  # noqa: N801  used as a function
    def __init__(self, made: socket.socket) -> None:
        self._made = made

    def __enter__(self) -> socket.socket:
        return self._made

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if error is not None:
            self._made.close()
