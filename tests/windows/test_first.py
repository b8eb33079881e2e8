from regrow.testing import children
from regrow._specs.stop import Stop


async def test_it_starts(lab, windows):
    life = await lab.launch(children.prints(["one", "two"], "stdout", 3))
    exited = await life.wait_exited()
    assert exited.code == 3, life.story
    assert life.stdout == b"one\ntwo\n"

async def test_it_stops(lab, windows):
    life = await lab.launch(children.sleeps())
    await life.controls.stop(Stop(grace=3))
    assert life.exited.code == 0xC000013A
    assert not life.exited.killed
    life = await lab.launch(children.ignores_sigterm())
    await life.wait_printed(b"armed")
    await life.controls.stop(Stop(grace=0.1))
    assert life.exited.code == 137
    assert life.exited.killed
