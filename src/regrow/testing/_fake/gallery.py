"""What the programs of the gallery do, as scripts: the same test runs with fakes and with real processes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

import attrs

from regrow._specs.child import ChildSpec, Stdin
from regrow._specs.protocol import Key, NotLaunched, Refusal
from regrow._specs.readiness import TcpPort
from regrow.testing import children
from regrow.testing._fake.script import Script


@attrs.frozen
class Life:
    """What a fake can know before it begins to run."""

    key: Key
    spec: ChildSpec
    pid: int
    asked_at: float
    """When its start was asked for: its `start_timeout` counts from then."""

    @property
    def environment(self) -> dict[str, str]:
        """What its process would see."""
        inherited = dict(os.environ) if self.spec.inherit_env else {}
        own = {"REGROW_PATH": self.key.path, "REGROW_INCARNATION": str(self.key.incarnation)}
        return inherited | dict(self.spec.env) | own


def script_of(life: Life) -> Script:
    """What its command makes a fake do; any command that is not of the gallery runs until told otherwise."""
    if children.MISSING in {life.spec.command[0], life.spec.cwd}:
        return _refused(errno.ENOENT)
    if [*life.spec.command] == children.not_executable():
        return _refused(errno.EACCES)
    word, *arguments = children.parse(life.spec.command) or ("",)
    program = _PROGRAMS.get(word)
    return program(life, *arguments) if program else Script()


def _refused(number: int) -> Script:
    why = f"fake: {os.strerror(number)}"
    return Script(refuse=NotLaunched(refusal=Refusal.PROGRAM, why=why, errno=number))


def _exits(_: Life, code: str, after: str) -> Script:
    return Script(exit_code=int(code), exit_after=float(after))


def _dies_of(_: Life, signal: str, after: str) -> Script:
    return Script(die_of=signal, exit_after=float(after))


def _prints(_: Life, stream: str, code: str, *lines: str) -> Script:
    return _printing("".join(f"{line}\n" for line in lines).encode(), stream, code)


def _floods(_: Life, size: str, stream: str, code: str) -> Script:
    return _printing(children.flood(int(size)), stream, code)


def _printing(data: bytes, stream: str, code: str) -> Script:
    end: dict[str, Any] = {"exit_after": 0.0, "exit_code": int(code)} if code else {}
    output: dict[str, Any] = {stream: data}
    return Script(**output, **end)


def _stops_slowly(_: Life, seconds: str) -> Script:
    return Script(stop_takes=float(seconds), stdout="armed\n")


def _listens(life: Life, port: str, after: str) -> Script:
    is_probed = life.spec.ready == TcpPort(int(port))
    return Script(ready_after=float(after) if is_probed else None, stdout="listening\n", prints_after=float(after))


def _reads_stdin(life: Life) -> Script:
    has_input = life.spec.stdin is Stdin.PIPE
    return Script(echoes=True, exit_after=None if has_input else 0.0)


def _leaves_group_member(life: Life, stays: str) -> Script:
    exit_after = None if int(stays) else 0.0
    return Script(strays=1, stdout=f"member {member_of(life.pid)}\n", exit_after=exit_after)


def _crashes_sometimes(life: Life, chance: str, every: str, code: str, seed: str) -> Script:
    key = life.key
    after = children.crash_after(float(chance), float(every), int(seed), key.path, key.incarnation)
    return Script(exit_after=after, exit_code=int(code))


def _prints_environment(life: Life, *names: str) -> Script:
    there = life.environment
    lines = (f"{name}={there[name]}\n" for name in names if name in there)
    return Script(stdout="".join(lines), exit_after=0.0)


def member_of(pid: int) -> int:
    """The number of the one descendant that the fake *pid* may have."""
    return pid + 1


_PROGRAMS: dict[str, Callable[..., Script]] = {
    "sleeps": lambda _: Script(),
    "exits": _exits,
    "dies_of": _dies_of,
    "prints": _prints,
    "floods": _floods,
    "ignores_sigterm": lambda _: Script(ignores="SIGTERM", stdout="armed\n"),
    "stops_slowly": _stops_slowly,
    "listens": _listens,
    "reads_stdin": _reads_stdin,
    "holds_output": lambda _, seconds: Script(exit_after=0.0),
    "leaves_group_member": _leaves_group_member,
    "crashes_sometimes": _crashes_sometimes,
    "prints_environment": _prints_environment,
    "sends": lambda _, signal: Script(exit_after=0.0),
}
