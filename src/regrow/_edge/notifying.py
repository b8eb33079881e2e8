"""The sockets that children talk to as they would to systemd: one for each that is wanted to.

It is made before the child is, for its name goes into the environment. What is said by anybody but our user, root, and
the user of the child is not heard. Descriptors that come along are closed by the kernel, for there is no room for them;
that is also how a `BARRIER=1` is answered, as soon as all before it has been read.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from regrow._edge.notify import Notifications
from regrow._edge.reactor import Reactor
from regrow._specs.protocol import Report

if sys.platform == "linux":
    from regrow._edge.lazy import LazyReactor

_LONGEST = 4096  # bytes of a datagram; what is longer is cut
_MOST = 16  # datagrams of one child in a row, while it is waited for
_CREDENTIALS = 28  # bytes: a header and three numbers, and no room for a descriptor


class Notifier:
    """Makes the sockets of all children of one launcher, and reads them."""

    def __init__(self, reactor: Reactor, *, with_epoll: bool = True, is_named: bool = sys.platform != "linux") -> None:
        """With *is_named* they are files, which every system has; else names that are in no directory."""
        self._prompt = reactor
        self._lazy: Reactor = reactor
        if sys.platform == "linux" and with_epoll:
            self._lazy = LazyReactor()
        self._is_named = is_named
        self._folder: str | None = None

    @property
    def lazy(self) -> Reactor:
        """For what is to be read without hurry."""
        return self._lazy

    def open(self, report: Report) -> NotifySocket:
        """A socket for a child that is going to be launched.

        Raises:
            OSError: there is no room for it.
        """
        server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            server.setblocking(False)
            return NotifySocket(server, self._bind(server), report, self._prompt, self._lazy)
        except OSError:
            server.close()
            raise

    def _bind(self, server: socket.socket) -> str:
        name = f"regrow-{secrets.token_hex(12)}"
        if sys.platform == "linux":
            server.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        if not self._is_named:
            server.bind(f"\0{name}")
            return f"@{name}"
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="regrow-")
            # The child may be another user; who does not know the name finds nothing.
            os.chmod(self._folder, 0o711)  # noqa: S103
        path = f"{self._folder}/{name[-16:]}"
        server.bind(path)
        os.chmod(path, 0o666)  # noqa: S103
        return path

    def services(self) -> Iterable[Callable[[], Awaitable[object]]]:
        """The task that reads."""
        return () if self._lazy is self._prompt else (self._lazy.run,)

    def close(self) -> None:
        """Give back what it needed itself."""
        if self._lazy is not self._prompt:
            self._lazy.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


class NotifySocket:
    """Our end of what one child says, as `heard`."""

    __slots__ = ("_is_closed", "_is_prompt", "_lazy", "_prompt", "_server", "_trusted", "_watching", "heard")

    def __init__(self, server: socket.socket, address: str, report: Report, prompt: Reactor, lazy: Reactor) -> None:
        self.heard = Notifications(address, report)
        """What it has said."""
        self._server = server
        self._prompt, self._lazy = prompt, lazy
        self._watching: Reactor | None = None
        self._trusted = {_user(os.geteuid()), _user(0)}
        self._is_closed = False

    def begin(self, pid: int, *, is_prompt: bool) -> None:
        """It runs, as *pid*. With *is_prompt* hear it at once, until `relax`."""
        if not self._is_closed:
            self.heard.pid = pid
            self.heard.look = self.read
            self._watch(self._prompt if is_prompt else self._lazy)

    def relax(self) -> None:
        """It is ready: from now on it is heard every now and then."""
        if self._watching is self._prompt and not self._is_closed:
            self._watch(self._lazy)

    def read(self) -> None:
        """Hear all that has been said up to now, but not more than one can say while it is heard."""
        for _ in range(_MOST):
            if not self._read():
                break

    def close(self) -> None:
        """Nobody listens any more."""
        if self._is_closed:
            return
        self._is_closed = True
        self.heard.look = _nothing
        if self._watching is not None:
            self._watching.unwatch(self._server.fileno())
        if self.heard.address.startswith("/"):
            with suppress(OSError):
                os.unlink(self.heard.address)
        self._server.close()

    def _watch(self, reactor: Reactor) -> None:
        if self._watching is not None:
            self._watching.unwatch(self._server.fileno())
        self._watching = reactor
        reactor.watch(self._server.fileno(), self.read if reactor is self._prompt else self._read)

    def _read(self) -> bool:
        """Hear one datagram; whether there was one."""
        if self._is_closed:
            return False
        try:
            data, control, _, _ = self._server.recvmsg(_LONGEST, _CREDENTIALS)
        except BlockingIOError:
            return False
        if sys.platform != "linux" or (control and self._is_trusted(control[0][2])):
            self.heard.hear(data)
        return True

    def _is_trusted(self, credentials: bytes) -> bool:
        """Whether who says it may: *credentials* are its pid, user and group, as the kernel knows them."""
        user = credentials[4:8]
        return user in self._trusted or user == _owner(self.heard.pid)


def _user(number: int) -> bytes:
    return number.to_bytes(4, sys.byteorder)


def _owner(pid: int) -> bytes:
    """As whom *pid* runs."""
    # Not who owns its directory there: that is root, if it may not be looked into.
    with suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("Uid:"):
                return _user(int(line.split()[1]))
    return b""


def _nothing() -> None:
    """It is closed."""
