"""What a launcher was asked for, and the orders for the operating system that follow from it."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
from collections.abc import Sequence

import attrs

from regrow._edge.environment import Environment, Environments
from regrow._edge.order import Order
from regrow._edge.setup import PLAIN, Setup, for_errand, is_plain, setup_of
from regrow._specs.child import ChildSpec, Stdin
from regrow._specs.protocol import Key, Report


@attrs.frozen(kw_only=True)
class Request:
    """One incarnation that is wanted."""

    key: Key
    spec: ChildSpec
    report: Report
    since: float
    """When it was asked for, on the run's clock."""

    def order(self, environments: Environments) -> Order:
        """How to spawn it."""
        return Order(
            command=tuple(map(os.fsencode, self.spec.command)),
            env=self._environment(environments),
            cwd=self.spec.cwd,
            has_stdin=self.spec.stdin is Stdin.PIPE,
            has_output=True,
            file=self.spec.output.file,
            strays=self.spec.strays,
            kill_wait=self.spec.stop.kill_wait,
            setup=self._setup(),
            key=self.key,
        )

    def _setup(self) -> Setup:
        return PLAIN if is_plain(self.spec) else setup_of(self.spec)

    def errand(self, command: Sequence[str], pid: int, environments: Environments) -> Order:
        """How to spawn a command that helps to stop it."""
        env = self._environment(environments)
        return Order(
            command=tuple(map(os.fsencode, command)),
            env=Environment(env.inherited, {**env.own, b"REGROW_PID": b"%d" % pid}),
            cwd=self.spec.cwd,
            setup=for_errand(self._setup()),
        )

    def _environment(self, environments: Environments) -> Environment:
        own = {os.fsencode(name): os.fsencode(value) for name, value in self.spec.env.items()}
        own[b"REGROW_PATH"] = os.fsencode(self.key.path)
        own[b"REGROW_INCARNATION"] = b"%d" % self.key.incarnation
        if self.spec.sockets:
            names = (socket.name or "unknown" for socket in self.spec.sockets)
            own[b"LISTEN_FDS"] = b"%d" % len(self.spec.sockets)
            own[b"LISTEN_FDNAMES"] = os.fsencode(":".join(names))
        return environments.make(own, inherit=self.spec.inherit_env)
