"""What the programs of the gallery do, as scripts: the same test runs with fakes and with real processes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

from regrow._specs.child import Stdin
from regrow._specs.exit import Usage
from regrow._specs.facts import NotLaunched, Refusal
from regrow._specs.readiness import TcpPort
from regrow.testing import children
from regrow.testing._fake.family import Descendant
from regrow.testing._fake.life import Life
from regrow.testing._fake.script import Script


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


def _leaves(life: Life, kind: str, stays: str, lasts: str) -> Script:
    member = Descendant(in_group=kind == "group", lasts=float(lasts), ignores="SIGTERM")
    exit_after = None if int(stays) else 0.0
    return Script(descendants=[member], stdout=f"member {life.pid + 1}\n", exit_after=exit_after)


def _leaves_when_terminated(life: Life) -> Script:
    member = Descendant(in_group=False, born_on="SIGTERM")
    return Script(descendants=[member], stdout="armed\n", stop_takes=0.0, farewell=f"member {life.pid + 1}\n")


def _tells_signals(life: Life, *names: str) -> Script:
    group = Descendant(ignores=names, hears="group")
    session = Descendant(in_group=False, ignores=names, hears="session")
    return Script(
        descendants=[group, session], ignores=names, hears="main", stdout=f"armed {life.pid + 1} {life.pid + 2}\n"
    )


def _crashes_sometimes(life: Life, chance: str, every: str, code: str, seed: str) -> Script:
    key = life.key
    after = children.crash_after(float(chance), float(every), int(seed), key.path, key.incarnation)
    return Script(exit_after=after, exit_code=int(code))


def _prints_environment(life: Life, *names: str) -> Script:
    there = life.environment
    lines = (f"{name}={there[name]}\n" for name in names if name in there)
    return Script(stdout="".join(lines), exit_after=0.0)


def _works(_: Life, seconds: str) -> Script:
    return Script(exit_after=float(seconds), usage=Usage(user=float(seconds)))


def _serves_sockets(life: Life) -> Script:
    said = ["pid", "right", "names", life.environment["LISTEN_FDNAMES"], "at", *life.addresses]
    return Script(stdout=f"{' '.join(said)}\n", serves=life.environment["REGROW_INCARNATION"].encode())


def _describes_itself(life: Life, *words: str) -> Script:
    return Script(stdout="".join(f"{word}={life.describe(word)}\n" for word in words), exit_after=0.0)


def _writes_to(life: Life, number: str, text: str) -> Script:
    ours = life.spec.fds[int(number)]
    os.write(ours if isinstance(ours, int) else ours.fileno(), text.encode())
    return Script(exit_after=0.0)


def _shows_signals(_: Life) -> Script:
    return Script(stdout=f"SigBlk:\t{0:016x}\nSigIgn:\t{0:016x}\n", exit_after=0.0)


def _shows_user(life: Life) -> Script:
    groups = " ".join(map(str, life.spec.extra_groups or ()))
    return Script(stdout=f"user={life.spec.user} group={life.spec.group} extra_groups={groups}\n", exit_after=0.0)


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
    "leaves": _leaves,
    "leaves_when_terminated": _leaves_when_terminated,
    "tells_signals": _tells_signals,
    "works": _works,
    "serves_sockets": _serves_sockets,
    "describes_itself": _describes_itself,
    "writes_to": _writes_to,
    "grep": _shows_signals,
    "sh": _shows_user,
    "crashes_sometimes": _crashes_sometimes,
    "prints_environment": _prints_environment,
    "beats": lambda _, every, lasts, via: Script(beats_every=float(every), beats_for=float(lasts)),
    "sends": lambda _, signal: Script(exit_after=0.0),
}
