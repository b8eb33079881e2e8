"""From a request to an order for POSIX."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
from collections.abc import Sequence

from regrow._edge.orders.environment import Environment, Environments
from regrow._edge.orders.order import Order
from regrow._edge.orders.setup import PLAIN, Setup, for_errand, is_plain, setup_of
from regrow._edge.request import Request
from regrow._specs.child import Stdin
from regrow._specs.hang import HangPolicy


def order(request: Request, environments: Environments) -> Order:
    """How to spawn it."""
    return Order(
        command=tuple(map(os.fsencode, request.spec.command)),
        env=_environment(request, environments),
        cwd=request.spec.cwd,
        has_stdin=request.spec.stdin is Stdin.PIPE,
        has_output=True,
        file=request.spec.output.file,
        strays=request.spec.strays,
        kill_wait=request.spec.stop.kill_wait,
        setup=_setup(request),
        key=request.key,
    )


def _setup(request: Request) -> Setup:
    return PLAIN if is_plain(request.spec) else setup_of(request.spec)


def errand(request: Request, command: Sequence[str], pid: int, environments: Environments) -> Order:
    """How to spawn a command that helps to stop it."""
    env = _environment(request, environments)
    return Order(
        command=tuple(map(os.fsencode, command)),
        env=Environment(env.inherited, {**env.own, b"REGROW_PID": b"%d" % pid}),
        cwd=request.spec.cwd,
        setup=for_errand(_setup(request)),
    )


def _environment(request: Request, environments: Environments) -> Environment:
    own = {os.fsencode(name): os.fsencode(value) for name, value in request.spec.env.items()}
    own[b"REGROW_PATH"] = os.fsencode(request.key.path)
    own[b"REGROW_INCARNATION"] = b"%d" % request.key.incarnation
    if request.spec.sockets:
        names = (socket.name or "unknown" for socket in request.spec.sockets)
        own[b"LISTEN_FDS"] = b"%d" % len(request.spec.sockets)
        own[b"LISTEN_FDNAMES"] = os.fsencode(":".join(names))
    if request.notify is not None:
        own[b"NOTIFY_SOCKET"] = os.fsencode(request.notify.heard.address)
    if isinstance(request.spec.hang, HangPolicy) and (within := request.spec.hang.beat_within):
        own[b"WATCHDOG_USEC"] = b"%d" % (within * 1e6)
    return environments.make(own, inherit=request.spec.inherit_env)
