"""What can be seen of a process while it runs."""

from __future__ import annotations

import threading
from pathlib import Path

import psutil
import pytest
import trio
from tests.edge.recorder import PATIENCE, SLEEPS, python, sh

from regrow._edge import sample
from regrow._specs.protocol import Sample


async def test_a_sample_is_of_the_process_and_all_its_descendants(lab):
    life = await lab.launch(sh("sleep 1000 & sh -c 'sleep 1000 & echo up; wait' & wait"))
    await life.wait_printed(b"up")
    found = await life.controls.sample()
    assert (found.descendants, found.threads) == (3, 4)
    assert found.open_files >= 3
    assert 100_000 < found.rss < 100_000_000


async def test_a_sample_adds_up_what_was_used(lab):
    burn = "while os.times().user < 0.1: pass"
    life = await lab.launch(python("os.fork()", burn, "print('done', flush=True)", "signal.pause()"))
    await life.wait_for(lambda: life.stdout == b"done\ndone\n")
    assert 0.2 <= (await life.controls.sample()).cpu < 10


async def test_evidence_says_what_it_does_and_where_it_waits(lab):
    life = await lab.launch(SLEEPS)
    evidence = await seen(life, "sleeping")
    assert evidence.sample.descendants == 0
    life.controls.pause()
    await seen(life, "stopped")


async def seen(life, state):
    """The first evidence of this state: a process takes its time to fall asleep, and a signal to arrive."""
    with trio.fail_after(PATIENCE):
        while (evidence := await life.controls.evidence()).state != state:
            pass
    return evidence


async def test_what_is_gone_has_neither(lab):
    life = await lab.launch(sh("exit 0"))
    await life.wait_exited()
    assert await life.controls.sample() is None
    assert await life.controls.evidence() is None


async def test_a_look_happens_in_a_thread_and_is_bounded(lab, monkeypatch):
    life = await lab.launch(SLEEPS)
    seen = []
    hang = threading.Event()

    def look(pid):
        seen.append(threading.current_thread() is threading.main_thread())
        hang.wait(1)

    monkeypatch.setattr(sample, "take_sample", look)
    monkeypatch.setattr("regrow._edge.workshop._LOOK", 0.05)
    with trio.fail_after(0.9):
        assert await life.controls.sample() is None
    assert seen == [False]
    hang.set()


async def test_what_dies_while_it_is_looked_at_has_neither(lab, monkeypatch):
    life = await lab.launch(["/bin/cat"], stdin="pipe")

    def look(pid):
        trio.from_thread.run(end)
        return Sample(rss=1, cpu=1, descendants=0, threads=1)  # of whoever has its number now

    async def end():
        life.controls.close_stdin()
        await life.wait_exited()

    monkeypatch.setattr(sample, "take_sample", look)
    assert await life.controls.sample() is None


def test_a_process_that_does_not_exist_cannot_be_looked_at():
    nobody = int(Path("/proc/sys/kernel/pid_max").read_text()) + 1
    assert sample.take_sample(nobody) is None
    assert sample.gather_evidence(nobody) is None
    assert list(sample.descendants(nobody)) == []


async def test_a_system_without_lists_of_children_is_scanned(lab, monkeypatch):
    life = await lab.launch(sh("sleep 1000 & echo up; wait"))
    await life.wait_printed(b"up")
    monkeypatch.setattr("os.path.exists", lambda path: False)
    assert (await life.controls.sample()).descendants == 1


@pytest.mark.parametrize("word", [psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP, psutil.STATUS_TRACING_STOP])
def test_states_have_the_words_of_the_protocol(word):
    assert sample._STATES[word] in {"running", "sleeping", "stopped", "disk sleep", "zombie"}
