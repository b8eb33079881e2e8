"""Whose a listening socket is: of the child's tree, or of a stranger. May take a while: run in a thread.

A bind that is tried beforehand would prove nothing: the port may be taken a moment later. So when a port is answered,
the kernel is asked which socket listens there, and the child's processes whether they hold it.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import socket
from collections.abc import Iterator
from contextlib import suppress

import attrs

from regrow._edge.sample import descendants

_LISTENS = "0A"
_ANY4, _ANY6 = "0" * 8, "0" * 32
_MAPPED = bytes(10) + b"\xff\xff"  # before an IPv4 address that is spoken of as one of IPv6


@attrs.frozen
class Tree:
    """The process tree of a child."""

    pid: int
    """Its main process."""

    shim: int | None = None
    """Whose child that is, if strays become children of it, too, and nobody else is one."""

    is_namespace: bool = False
    """Whether it has a pid namespace of its own."""

    is_given: bool = False
    """Whether it was given sockets or descriptors of ours: what we hold may be its own then."""

    def __iter__(self) -> Iterator[int]:
        """All that can be found by descent: the main process first."""
        yield self.pid
        root = self.shim or self.pid
        yield from (pid for pid in descendants(root) if pid != self.pid)

    def has(self, pid: int) -> bool:
        """Whether *pid* belongs to it, by descent or by what it was born into."""
        if pid == os.getpid():
            return self.is_given
        with suppress(OSError):
            if self.pid in {os.getsid(pid), os.getpgid(pid)} or pid in set(self):
                return True
            if self.is_namespace:
                return os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{self.pid}/ns/pid")
        return False


@attrs.frozen
class Verdict:
    """Who it is."""

    stranger: str = ""
    """In words, if it is one."""

    unknown: str = ""
    """Why it cannot be known, if so."""


OURS = Verdict()


def of_port(address: str, port: int, tree: Tree) -> Verdict:
    """Who listens where *address* has been reached."""
    inodes, user = _listening(address, port)
    if not inodes:
        return Verdict(unknown="no socket that listens there is to be seen")
    if any(_holds(pid, inodes) for pid in tree):
        return OURS
    owners = [pid for pid in _all_processes() if _holds(pid, inodes)]
    if any(map(tree.has, owners)):
        return OURS
    if owners:
        return Verdict(stranger=_words(owners[0]))
    if any(_is_hidden(pid) for pid in tree):  # it runs as somebody else, or a descendant does
        return Verdict(unknown="the open files of its processes are hidden from us")
    return Verdict(stranger=f"a process of user {user}")


def of_peer(pid: int, tree: Tree) -> Verdict:
    """Who has made a unix socket listen, when the kernel says that it was *pid*."""
    if tree.has(pid):
        return OURS
    if not os.path.exists(f"/proc/{pid}"):  # 0, too: in another pid namespace
        return Verdict(unknown=f"the process that made it ({pid}) is gone, or hidden from us")
    return Verdict(stranger=_words(pid))


def _listening(address: str, port: int) -> tuple[set[str], str]:
    """The inodes of the sockets that are reached there, and whose user's they are; the nearest match counts."""
    found = {version: _read(version, port) for version in ("tcp", "tcp6")}
    for version, local in _candidates(address):
        if inodes := found[version].get(local):
            return set(inodes), next(iter(inodes.values()))
    return set(), ""


def _candidates(address: str) -> Iterator[tuple[str, str]]:
    """Where such a socket can be bound, the nearest first, as the kernel looks for it."""
    if ":" in address:
        yield "tcp6", _hex(socket.inet_pton(socket.AF_INET6, address.partition("%")[0]))
        yield "tcp6", _ANY6
        return
    plain = socket.inet_aton(address)
    yield "tcp", _hex(plain)
    yield "tcp6", _hex(_MAPPED + plain)
    yield "tcp", _ANY4
    yield "tcp6", _ANY6


def _hex(address: bytes) -> str:
    """As the kernel prints it: words of 32 bits, each in the order of this machine."""
    words = (address[index : index + 4] for index in range(0, len(address), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)


def _read(version: str, port: int) -> dict[str, dict[str, str]]:
    """Who listens at *port*: by address, the inodes of the sockets and their users."""
    found: dict[str, dict[str, str]] = {}
    end = f":{port:04X}"
    with suppress(OSError), open(f"/proc/net/{version}", encoding="ascii") as table:
        for line in table:
            _, local, _, state, _, _, _, user, _, inode, *_ = line.split(maxsplit=10)
            if state == _LISTENS and local.endswith(end):
                found.setdefault(local.removesuffix(end), {})[inode] = user
    return found


def _holds(pid: int, inodes: set[str]) -> bool:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    with suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{number}") in wanted:
                    return True
    return False


def _is_hidden(pid: int) -> bool:
    """Whether it may hold what we cannot see; who is dead holds nothing."""
    place = f"/proc/{pid}"
    with suppress(OSError), open(f"{place}/stat", "rb") as stat:
        state = stat.read().rpartition(b")")[2].split()[0]
        return state not in {b"Z", b"X"} and not os.access(f"{place}/fd", os.R_OK)
    return os.path.exists(place)


def _all_processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _words(pid: int) -> str:
    """What to call it."""
    with suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as name:
        return f"process {pid} ({name.read().strip()})"
    return f"process {pid}"
