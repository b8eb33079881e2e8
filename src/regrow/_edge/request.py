"""What a launcher was asked for, and the orders for the operating system that follow from it."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
from collections.abc import Sequence
from contextlib import suppress

import attrs

from regrow._edge.spawning import Order
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

    def order(self, *, with_pidfd: bool) -> Order:
        """How to spawn it."""
        return Order(
            command=self.spec.command,
            env=self._environment(),
            cwd=self.spec.cwd,
            has_stdin=self.spec.stdin is Stdin.PIPE,
            has_output=True,
            file=self.spec.output.file,
            with_pidfd=with_pidfd,
        )

    def errand(self, command: Sequence[str], pid: int, *, with_pidfd: bool) -> Order:
        """How to spawn a command that helps to stop it."""
        return Order(
            command=tuple(command),
            env={**self._environment(), "REGROW_PID": str(pid)},
            cwd=self.spec.cwd,
            with_pidfd=with_pidfd,
        )

    def _environment(self) -> dict[str, str]:
        ours = _our_environment() if self.spec.inherit_env else {}
        who = {"REGROW_PATH": self.key.path, "REGROW_INCARNATION": str(self.key.incarnation)}
        return {**ours, **self.spec.env, **who}


def _our_environment() -> dict[str, str]:
    while True:
        with suppress(KeyError):  # another thread has just removed a variable
            return dict(os.environ)
