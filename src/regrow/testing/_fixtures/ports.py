"""Free ports, each of them for one child of one test.

A port from the range that the kernel deals out by itself may be taken by anybody's outgoing connection before the child
gets it, so ours are outside of it. On Linux, a socket with a name of its own, in the same network namespace as the
port, keeps the other workers of pytest-xdist away; it vanishes with whoever holds it.
"""

from __future__ import annotations

import random
import socket
import sys
from pathlib import Path

LOWEST, HIGHEST = 20_000, 32_767
TRIES = 1000


class Port:
    """A TCP port of 127.0.0.1 that nobody uses; ours until `release`."""

    def __init__(self, number: int, claim: socket.socket | None) -> None:
        self.number = number
        self._claim = claim

    def release(self) -> None:
        """Others may have it."""
        if self._claim is not None:
            self._claim.close()


def reserve() -> Port:
    """A free port.

    Raises:
        OSError: there is none, as far as some tries can tell.
    """
    chance = random.SystemRandom()  # tests seed the other one, and so do all workers, alike
    for _ in range(TRIES):
        number = chance.randint(LOWEST, _highest())
        if (port := _try(number)) is not None:
            return port
    raise OSError(f"no free port between {LOWEST} and {_highest()}")


def _try(number: int) -> Port | None:
    claim = None
    try:
        claim = _claim(number)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", number))
    except OSError:
        if claim is not None:
            claim.close()
        return None
    return Port(number, claim)


def _claim(number: int) -> socket.socket | None:
    if _system() != "linux":
        return None
    claim = socket.socket(getattr(socket, "AF_UNIX"), socket.SOCK_DGRAM)  # noqa: B009  not on Windows
    try:
        claim.bind(f"\0regrow-port-{number}")
    except OSError:
        claim.close()
        raise
    return claim


def _highest() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return HIGHEST
    return first - 1 if LOWEST < first - 1 < HIGHEST else HIGHEST


def _system() -> str:
    """Asked here, so that no type checker believes that it knows the answer."""
    return sys.platform
