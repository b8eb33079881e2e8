"""What a process that runs can be made to do, what it prints, and how it ends by itself."""

from __future__ import annotations

import trio

from regrow._specs.protocol import Launched, RunningProcess
from regrow._specs.stop import KILL, CloseStdin, Run, Signal, Stop
from regrow.exceptions import PlatformNotSupportedError
from regrow.testing import children
from regrow.testing._checks.trial import Check, Trial

FLOOD = 1_000_000
"""More than any pipe holds, in bytes."""


async def an_exit_has_its_code(trial: Trial) -> None:
    """And no signal; nobody asked for it."""
    for code in (0, 3, 255):
        record = await trial.launch(children.exits(code))
        await record.wait_exited(code=code, signal=None, asked=False, killed=False)


async def an_exit_has_its_signal(trial: Trial) -> None:
    """And no code; nobody asked for it."""
    for signal in ("SIGKILL", "SIGSEGV", "SIGTERM"):
        record = await trial.launch(children.dies_of(signal))
        await record.wait_exited(code=None, signal=signal, asked=False, killed=False)


async def output_is_whole_and_comes_before_the_exit(trial: Trial) -> None:
    """Of both streams, byte by byte."""
    for stream in ("stdout", "stderr"):
        record = await trial.launch(children.prints(["one", "", "zwei \N{SNOWMAN}"], stream, 5))
        await record.wait_exited(code=5)
        wanted = "one\n\nzwei \N{SNOWMAN}\n".encode()
        record.require(record.output(stream) == wanted, f"it prints {wanted!r} to {stream}")


async def output_comes_while_it_runs(trial: Trial) -> None:
    """Not only when it ends."""
    record = await trial.launch(children.prints(["one"], "stderr", None))
    await record.wait_until(lambda: record.output("stderr") == b"one\n")


async def a_flood_of_output_is_passed_on(trial: Trial) -> None:
    """Nothing is lost in silence, and nothing blocks."""
    for stream in ("stdout", "stderr"):
        record = await trial.launch(children.floods(FLOOD, stream, 4))
        await record.wait_exited(code=4)
        output, missed = record.output(stream), record.missed(stream)
        record.require(len(output) + missed == FLOOD, f"{FLOOD} bytes are accounted for")
        record.require(bool(missed) or output == children.flood(FLOOD), "they are those that it printed")


async def a_descendant_that_holds_the_output_does_not_hold_the_exit(trial: Trial) -> None:
    """For a bounded time at most."""
    record = await trial.launch(children.holds_output(), stdin="pipe")
    await record.wait_exited(code=0, asked=False)


async def what_is_left_of_its_group_ends_with_it(trial: Trial) -> None:
    """Before the terminal fact, which counts it."""
    record = await trial.launch(children.leaves_group_member())
    exited = await record.wait_exited(code=0, asked=False)
    member = int(record.output().removeprefix(b"member "))
    record.require(not trial.is_alive(member), "the member of its group is gone")
    record.require(exited.strays == 1, "it has one stray")


async def a_signal_reaches_it(trial: Trial) -> None:
    """To be ended by it is not to be stopped."""
    for signal in ("SIGTERM", "SIGUSR1"):
        record = await trial.launch(children.sleeps())
        record.controls.signal(signal)
        await record.wait_exited(signal=signal, asked=False, killed=False)


async def what_is_paused_does_nothing(trial: Trial) -> None:
    """Until it is resumed; then nothing is lost."""
    record = await trial.launch(children.reads_stdin(), stdin="pipe")
    try:
        record.controls.pause()
    except PlatformNotSupportedError:
        return
    await trio.sleep(trial.grace)  # the order may have a way to go
    await record.controls.write_stdin(b"hello")
    with trio.move_on_after(trial.grace) as waited:
        await record.wait_printed(b"hello")
    record.require(waited.cancelled_caught, "a paused one does not print")
    record.controls.resume()
    await record.wait_printed(b"hello")


async def what_is_paused_hears_the_first_step_of_its_stop(trial: Trial) -> None:
    """Whatever that is, and at once."""
    for step in (Signal("SIGTERM"), CloseStdin(), Run(children.sends("SIGTERM"))):
        record = await trial.launch(children.reads_stdin(), stdin="pipe")
        await record.controls.write_stdin(b"hello")
        await record.wait_printed(b"hello")  # it would die of a signal at any time, but see its input only now
        try:
            record.controls.pause()
        except PlatformNotSupportedError:
            return
        await record.controls.stop(Stop(steps=[step], grace=trial.long))
        record.exited(asked=True, killed=False)


async def what_is_killed_while_it_is_paused_is_gone(trial: Trial) -> None:
    """Also by a signal from elsewhere."""
    for is_asked in (True, False):
        record = await trial.launch(children.sleeps())
        try:
            record.controls.pause()
        except PlatformNotSupportedError:
            return
        if is_asked:
            await record.controls.stop(KILL)
        else:
            record.controls.signal("SIGKILL")
        await record.wait_exited(signal="SIGKILL", asked=is_asked)


async def many_are_looked_at_at_once(trial: Trial) -> None:
    """Who is gone, or was never there, is left out."""
    records = [await trial.launch(children.ignores_sigterm()) for _ in range(3)]
    for record in records:
        await record.wait_printed(b"armed")
    keys = [record.key for record in records]
    found = await trial.opened.sample_all([*keys, trial.record().key])
    records[0].require(set(found) == set(keys), "there is a sample of each")
    records[0].require(all(sample.rss > 0 for sample in found.values()), "they use memory")
    await records[0].controls.stop(KILL)
    found = await trial.opened.sample_all(keys)
    records[0].require(set(found) == set(keys[1:]), "who is gone has no sample")


async def it_reads_what_is_written(trial: Trial) -> None:
    """More than a pipe holds, too; and the end, when it is closed."""
    record = await trial.launch(children.reads_stdin(), stdin="pipe")
    flood = children.flood(FLOOD)
    await record.controls.write_stdin(flood)
    await record.controls.write_stdin(b"the end")
    record.controls.close_stdin()
    await record.wait_exited(code=0, asked=False)
    record.require(record.output() == flood + b"the end", "it prints what it reads")


async def what_has_no_input_reads_its_end(trial: Trial) -> None:
    """It reads nothing of ours; to write to it is an error of the operating system."""
    record = await trial.launch(children.reads_stdin())
    await record.wait_exited(code=0, asked=False)
    record = await trial.launch(children.sleeps())
    try:
        await record.controls.write_stdin(b"hello")
    except OSError:
        return
    record.require(False, "what is no pipe cannot be written to")


async def it_can_be_looked_at(trial: Trial) -> None:
    """While it runs, there is a sample, and evidence."""
    record = await trial.launch(children.ignores_sigterm())
    await record.wait_printed(b"armed")
    sample = await record.controls.sample()
    record.require(sample is not None and sample.rss > 0, "there is a sample")
    record.require(await record.controls.evidence() is not None, "there is evidence")


async def what_is_gone_takes_every_call(trial: Trial) -> None:
    """And does nothing: no fact, no error."""
    for stdin in ("pipe", "null"):
        record = await trial.launch(children.exits(3), stdin=stdin)
        await record.wait_exited(code=3)
        pid = (await record.wait_for(Launched)).pid
        record.require(not trial.is_alive(pid), "it is gone")
        await _call_everything(record.controls)
        record.require(await record.controls.sample() is None, "there is no sample")
        record.require(await record.controls.evidence() is None, "there is no evidence")


async def _call_everything(controls: RunningProcess) -> None:
    await controls.stop(KILL)
    controls.signal("SIGTERM")
    controls.pause()
    controls.resume()
    await controls.write_stdin(b"hello")
    controls.close_stdin()


CHECKS: tuple[Check, ...] = (
    an_exit_has_its_code,
    an_exit_has_its_signal,
    output_is_whole_and_comes_before_the_exit,
    output_comes_while_it_runs,
    a_flood_of_output_is_passed_on,
    a_descendant_that_holds_the_output_does_not_hold_the_exit,
    what_is_left_of_its_group_ends_with_it,
    a_signal_reaches_it,
    what_is_paused_does_nothing,
    what_is_paused_hears_the_first_step_of_its_stop,
    what_is_killed_while_it_is_paused_is_gone,
    many_are_looked_at_at_once,
    it_reads_what_is_written,
    what_has_no_input_reads_its_end,
    it_can_be_looked_at,
    what_is_gone_takes_every_call,
)
