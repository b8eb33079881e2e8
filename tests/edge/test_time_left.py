"""Strays that may go on for a while go on no longer than somebody wants them to."""

import trio
from tests.edge.recorder import PATIENCE, Lab, is_alive, until

from regrow._edge.local import LocalLauncher
from regrow._specs.stop import Stop
from regrow.testing import children

LONG = 3600.0


async def with_time_left(lab):
    """One that has ended by itself, and has a stray that may go on for an hour."""
    life = await lab.launch(children.leaves(), strays=LONG)
    await life.wait_printed(b"\n")
    await until(lambda: not is_alive(life.pid))
    return life


def stray_of(life):
    return int(life.stdout.split()[1])


async def is_over(life):
    with trio.fail_after(PATIENCE):
        exited = await life.wait_exited()
    assert (exited.code, exited.killed) == (0, False)
    assert not is_alive(stray_of(life))


async def test_a_stop_ends_them(lab):
    life = await with_time_left(lab)
    with trio.fail_after(PATIENCE):
        await life.controls.stop(Stop(grace=LONG))
    await is_over(life)


async def test_who_revokes_ends_them(lab):
    life = await with_time_left(lab)
    with trio.fail_after(PATIENCE):
        await lab.opened.revoke(life.key)
    await is_over(life)


async def test_who_leaves_ends_them(tuning):
    with trio.fail_after(PATIENCE) as scope:
        async with LocalLauncher(tuning=tuning).open() as opened:
            life = await with_time_left(Lab(opened))
            scope.deadline = trio.current_time() + PATIENCE
    await is_over(life)
