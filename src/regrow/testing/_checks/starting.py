"""How incarnations start, and what a start that fails leaves: nothing."""

from __future__ import annotations

import errno
from collections.abc import Sequence

import trio

from regrow._specs.child import ChildSpec
from regrow._specs.protocol import Launched, NotLaunched, Ready, Refusal
from regrow.testing import children
from regrow.testing._checks.trial import Check, Trial


async def a_launcher_can_be_asked_before_it_is_open(trial: Trial) -> None:
    """What contains its processes, and what it cannot do of a spec: nothing, if that is a plain one."""
    launcher = trial.make()
    problems = list(launcher.check(ChildSpec(name="plain", command=children.sleeps())))
    record = await trial.launch(children.sleeps())
    record.require(bool(launcher.containment), "it says what contains its processes")
    record.require(not problems, f"it says that it can run this; it says {problems}")


async def what_has_no_probe_is_launched_and_then_ready(trial: Trial) -> None:
    """`Launched`, `Ready`."""
    record = await trial.launch(children.sleeps())
    launched = await record.wait_for(Launched)
    await record.wait_for(Ready)
    record.require([type(fact) for fact in record.facts] == [Launched, Ready], "it is launched, then ready")
    record.require(trial.is_alive(launched.pid), "its pid is that of a process")


async def a_key_is_used_once(trial: Trial) -> None:
    """A second start with it is refused: while the first one runs, and when that is gone."""
    record = await trial.launch(children.sleeps())
    again = await trial.start(trial.again(record), children.sleeps())
    again.require(again.refusal.refusal is Refusal.REVOKED, "a key that runs is refused")
    record.controls.signal("SIGKILL")
    await record.wait_exited()
    again = await trial.start(trial.again(record), children.sleeps())
    again.require(again.refusal.refusal is Refusal.REVOKED, "a key that ran is refused")


async def one_of_two_starts_with_a_key_is_refused(trial: Trial) -> None:
    """Also when both are asked for at once."""
    first = trial.record()
    second = trial.again(first)
    async with trio.open_nursery() as nursery:
        for record in (first, second):
            nursery.start_soon(trial.start, record, children.sleeps())
    refused = [record for record in (first, second) if isinstance(record.answer, NotLaunched)]
    first.require(len(refused) == 1, f"one of two starts is refused, not {len(refused)}")


async def many_start_at_once(trial: Trial) -> None:
    """None waits for another one to be ready, or to end."""
    records = [trial.record() for _ in range(5)]
    async with trio.open_nursery() as nursery:
        for record in records:
            nursery.start_soon(trial.start, record, children.sleeps())
    for record in records:
        await record.wait_for(Ready)


async def the_next_incarnation_has_a_key_of_its_own(trial: Trial) -> None:
    """Another number at the same path is another key."""
    first = await trial.launch(children.exits(0))
    await first.wait_exited(code=0)
    second = trial.next(first)
    await trial.start(second, children.prints_environment(["REGROW_INCARNATION"]))
    await second.wait_exited(code=0)
    second.require(second.output() == b"REGROW_INCARNATION=2\n", "it sees its number")


async def a_missing_program_is_refused(trial: Trial) -> None:
    """With ENOENT; no fact comes."""
    await _is_refused(trial, children.missing(), errno.ENOENT)


async def a_file_that_is_no_program_is_refused(trial: Trial) -> None:
    """With EACCES; no fact comes."""
    await _is_refused(trial, children.not_executable(), errno.EACCES)


async def a_missing_directory_is_refused(trial: Trial) -> None:
    """With ENOENT; no fact comes."""
    await _is_refused(trial, children.sleeps(), errno.ENOENT, cwd=children.MISSING)


async def the_child_sees_path_and_number(trial: Trial) -> None:
    """`REGROW_PATH` and `REGROW_INCARNATION`, whatever the spec says."""
    names = ["REGROW_PATH", "REGROW_INCARNATION"]
    record = trial.record(incarnation=7)
    await trial.start(record, children.prints_environment(names), env={"REGROW_PATH": "a lie"})
    await record.wait_exited(code=0)
    wanted = f"REGROW_PATH={record.key.path}\nREGROW_INCARNATION=7\n".encode()
    record.require(record.output() == wanted, f"it prints {wanted!r}")


async def the_environment_is_merged(trial: Trial) -> None:
    """Over ours; what a spec says of a variable wins."""
    record = await trial.launch(children.prints_environment(["COLOUR", "PATH"]), env={"COLOUR": "red"})
    await record.wait_exited(code=0)
    record.require(record.output().startswith(b"COLOUR=red\nPATH="), "it has ours, and its own")


async def the_environment_is_exact(trial: Trial) -> None:
    """With `inherit_env=False`: the spec's own, path and number, and nothing of ours."""
    names = ["COLOUR", "PATH", "REGROW_INCARNATION"]
    fields = {"env": {"COLOUR": "red"}, "inherit_env": False}
    record = await trial.launch(children.prints_environment(names), **fields)
    await record.wait_exited(code=0)
    record.require(record.output() == b"COLOUR=red\nREGROW_INCARNATION=1\n", "it has nothing of ours")


async def _is_refused(trial: Trial, command: Sequence[str], number: int, cwd: str | None = None) -> None:
    record = await trial.start(trial.record(), command, cwd=cwd)
    refusal = record.refusal
    record.require(refusal.refusal is Refusal.PROGRAM, "it is the program's fault")
    record.require(refusal.errno == number, f"the error is {errno.errorcode[number]}")
    record.require(bool(refusal.why), "it says why")


CHECKS: tuple[Check, ...] = (
    a_launcher_can_be_asked_before_it_is_open,
    what_has_no_probe_is_launched_and_then_ready,
    a_key_is_used_once,
    one_of_two_starts_with_a_key_is_refused,
    many_start_at_once,
    the_next_incarnation_has_a_key_of_its_own,
    a_missing_program_is_refused,
    a_file_that_is_no_program_is_refused,
    a_missing_directory_is_refused,
    the_child_sees_path_and_number,
    the_environment_is_merged,
    the_environment_is_exact,
)
