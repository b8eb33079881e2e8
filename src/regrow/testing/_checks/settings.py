"""What a child is started with: the settings of its spec, and nothing of ours that was not asked for."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from regrow._specs.facts import Launched
from regrow.testing import children
from regrow.testing._checks.record import Record
from regrow.testing._checks.trial import Check, Trial

_LIBC = 1 << 31 | 1 << 32
"""Signals 32 and 33: glibc keeps them for itself, and has them ignored in what it spawns."""

_NOBODY = 65534
_NAMESPACE = "namespace"


async def it_has_the_settings_of_its_spec(trial: Trial) -> None:
    """Umask, nice, CPUs, priority of input and output, privileges; or the launcher says that it cannot have them."""
    await _describes(trial, umask=0o27)
    await _describes(trial, nice=17)
    await _describes(trial, affinity=[_a_cpu()])
    await _describes(trial, io_priority="best_effort:6")
    await _describes(trial, io_priority="idle")
    await _describes(trial, no_new_privs=True)


async def it_has_the_limits_of_its_spec(trial: Trial) -> None:
    """Both of each; those that it does not name are ours."""
    limits = {"NOFILE": (50, 60), "CORE": 0, "FSIZE": None}
    if record := await trial.launch_if_possible(children.describes_itself(limits), rlimits=limits):
        await record.wait_exited(code=0)
        wanted = b"NOFILE=50 60\nCORE=0 0\nFSIZE=unlimited unlimited\n"
        record.require(record.output() == wanted, f"it prints {wanted!r}")


async def it_runs_as_the_user_of_its_spec(trial: Trial) -> None:
    """With its group, and with no other groups than those; or the launcher says that this is not allowed."""
    fields: dict[str, Any] = {"user": _NOBODY, "group": _NOBODY, "extra_groups": [_NOBODY]}
    if record := await trial.launch_if_possible(children.shows_user(), **fields):
        await record.wait_exited(code=0)
        wanted = f"user={_NOBODY} group={_NOBODY} extra_groups={_NOBODY}\n".encode()
        record.require(record.output() == wanted, f"it prints {wanted!r}")


async def it_leads_a_session_and_has_no_terminal(trial: Trial) -> None:
    """Unless it asks for one."""
    record = await trial.launch(children.describes_itself(["session", "terminal"]))
    await record.wait_exited(code=0)
    record.require(record.output() == b"session=own\nterminal=none\n", "it has a session, and no terminal")


async def it_can_have_a_terminal(trial: Trial) -> None:
    """Of its own, as standard input, output and error; what it prints comes as output."""
    if record := await trial.launch_if_possible(children.describes_itself(["session", "terminal"]), terminal=True):
        await record.wait_exited(code=0)
        lines = record.output().split()  # a terminal has line ends of its own
        record.require(lines == [b"session=own", b"terminal=0", b"1", b"2"], "it has a session and a terminal")


async def what_it_prints_to_its_terminal_comes_as_output(trial: Trial) -> None:
    """Standard error, too."""
    if record := await trial.launch_if_possible(children.prints(["one"], "stderr", 4), terminal=True):
        await record.wait_exited(code=4)
        record.require(record.output().split() == [b"one"] and not record.output("stderr"), "it comes as stdout")


async def it_inherits_nothing_else(trial: Trial) -> None:
    """No descriptor of ours, not even one that is inheritable; opened before the launcher was, or after."""
    with _inheritable():
        async with trial.another() as inner:
            with _inheritable():
                record = await inner.launch(children.describes_itself(["descriptors"]), stdin="pipe")
                await record.wait_exited(code=0)
    record.require(record.output() == b"descriptors=0 1 2\n", "it has standard input, output and error")


async def it_inherits_what_it_asks_for(trial: Trial) -> None:
    """By its own number for it, and an open file as well as a descriptor."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe, os.fdopen(writing, "wb") as file:  # noqa: ASYNC231  they are open
        for number, ours in ((7, file), (3, file.fileno())):
            command = children.writes_to(number, "hello")
            if record := await trial.launch_if_possible(command, fds={number: ours, 9: pipe}):
                await record.wait_exited(code=0)
                record.require(os.read(reading, 5) == b"hello", f"what it writes to {number} arrives")
        command = children.describes_itself(["descriptors"])
        if record := await trial.launch_if_possible(command, fds={7: file, 5: pipe}):
            await record.wait_exited(code=0)
            record.require(record.output() == b"descriptors=0 1 2 5 7\n", "it has these, and no other")


async def it_begins_with_default_signals(trial: Trial) -> None:
    """None ignored, none blocked, whatever we do with ours."""
    if sys.platform == "linux" and threading.current_thread() is threading.main_thread():
        with _odd_signals():
            async with trial.another() as inner:
                record = await inner.launch(children.shows_signals())
                await record.wait_exited(code=0)
        masks = [int(line.split()[1], 16) & ~_LIBC for line in record.output().splitlines()]
        record.require(len(masks) == 2 and not any(masks), "no signal is ignored or blocked")


async def an_exit_has_its_usage(trial: Trial) -> None:
    """Whatever way it ended; and what it says is what was used."""
    for command in (children.exits(3), children.dies_of("SIGKILL")):
        record = await trial.launch(command)
        exited = await record.wait_exited()
        record.require(exited.usage is not None, "there is its usage")
    record = await trial.launch(children.works(trial.grace))
    usage = (await record.wait_exited(code=0)).usage
    record.require(usage is not None and usage.user + usage.system >= trial.least, "it has used its time")


async def it_says_what_contains_it(trial: Trial) -> None:
    """With `Launched`: what the launcher says, or what its spec demands; what cannot be had is refused."""
    record = await trial.launch(children.sleeps())
    layer = (await record.wait_for(Launched)).containment
    record.require(layer in {"", trial.make().containment}, "it has the layer that its launcher has")
    for level in ("proven", _NAMESPACE):
        if demanding := await trial.launch_if_possible(children.sleeps(), containment=level):
            layer = (await demanding.wait_for(Launched)).containment or trial.make().containment
            demanding.require(layer != "group", "more than a group contains it")
            demanding.require(level != _NAMESPACE or level in layer, "it has a namespace if it demands one")


async def _describes(trial: Trial, **setting: Any) -> None:
    """One that has a *setting* says so."""
    (word,) = setting
    record: Record | None = await trial.launch_if_possible(children.describes_itself([word]), **setting)
    if record is not None:
        await record.wait_exited(code=0)
        wanted = {"umask": "0o27", "affinity": str(_a_cpu()), "no_new_privs": "1"}.get(word, setting[word])
        said = record.output().decode()
        record.require(said in {f"{word}={wanted}\n", f"{word}=?\n"}, f"it has {word}={wanted}")


def _a_cpu() -> int:
    cpus = {0}
    if sys.platform == "linux":
        cpus = os.sched_getaffinity(0)
    return max(cpus)


@contextmanager
def _inheritable() -> Iterator[None]:
    file = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(file, True)
    try:
        yield
    finally:
        os.close(file)


if sys.platform != "win32":

    @contextmanager
    def _odd_signals() -> Iterator[None]:
        """We ignore some signals, handle one, and block another."""
        ignored = [signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE]
        before = {number: signal.getsignal(number) for number in [*ignored, signal.SIGUSR1]}
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        try:
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)
            signal.signal(signal.SIGUSR1, lambda number, frame: None)
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            for number, handler in before.items():
                signal.signal(number, handler)


CHECKS: tuple[Check, ...] = (
    it_has_the_settings_of_its_spec,
    it_has_the_limits_of_its_spec,
    it_runs_as_the_user_of_its_spec,
    it_leads_a_session_and_has_no_terminal,
    it_can_have_a_terminal,
    what_it_prints_to_its_terminal_comes_as_output,
    it_inherits_nothing_else,
    it_inherits_what_it_asks_for,
    it_begins_with_default_signals,
    an_exit_has_its_usage,
    it_says_what_contains_it,
)
