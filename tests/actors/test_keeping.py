"""What a launcher keeps for the next incarnation is given back when there will be none, and not before."""

from __future__ import annotations

import pytest
import trio
from tests.actors.helpers import child, opened, settle, supervisor

from regrow import DynamicSpec
from regrow.testing import Descendant, FakeLauncher, Script
from regrow.testing._fake.opened import OpenFake


@pytest.fixture
def forgotten(monkeypatch):
    """The paths that a launcher was told to forget, and that nothing of them ran then."""
    paths: list[str] = []
    forget = OpenFake.forget

    def note(self, tree, path):
        assert not [process for process in self._book.running.values() if process.key.path == path]
        paths.append(path)
        forget(self, tree, path)

    monkeypatch.setattr(OpenFake, "forget", note)
    return paths


def server(name: str, address: str = "127.0.0.1:0", **settings):
    return child(name, sockets=[address], **settings)


async def test_a_socket_stays_over_restarts_and_stops(autojump_clock, forgotten):
    async with opened(supervisor(server("a"), "b", strategy="one_for_all")) as tree:
        before = tree.launcher.newest("a").addresses
        await tree.crash("a")
        await tree.crash("b")
        await tree.handle["a"].restart()
        await tree.handle["a"].stop()
        await tree.handle["a"].start()
        assert tree.launcher.newest("a").key.incarnation == 5
        assert tree.launcher.newest("a").addresses == before
        assert forgotten == []


async def test_what_is_deleted_is_forgotten(autojump_clock, forgotten):
    async with opened(supervisor(server("a"), child("never", autostart=False))) as tree:
        for name in ("a", "never"):
            await tree.handle[name].stop()
            await tree.handle[name].delete()
        assert forgotten == ["a"]  # of the other, nothing is kept
        await tree.handle.start_child(server("a"))
        await tree.handle["a"].stop()
        await tree.handle["a"].delete()
        assert forgotten == ["a", "a"]


async def test_what_is_temporary_is_forgotten_when_it_ends(autojump_clock, forgotten):
    async with opened(supervisor(child("a", restart="temporary"), "b")) as tree:
        await tree.crash("a")
        assert forgotten == ["a"]


async def test_a_start_that_fails_and_is_discarded_is_forgotten(autojump_clock, forgotten):
    launcher = FakeLauncher()
    launcher.plan("x", Script(exit_after=1.0, ready_after=9.0))
    async with opened(supervisor("a"), launcher) as tree:
        with pytest.raises(Exception, match="x"):
            await tree.handle.start_child(child("x"))
        assert forgotten == ["x"]


async def test_those_of_a_supervisor_are_kept_while_it_may_come_back(autojump_clock, forgotten):
    inner = supervisor(server("x"), name="inner", max_restarts=0)
    async with opened(supervisor(inner, max_restarts=9)) as tree:
        before = tree.launcher.newest("inner/x").addresses
        await tree.crash("inner/x")  # the supervisor gives up, and is restarted
        await tree.handle["inner"].restart()
        assert tree.launcher.newest("inner/x").key.incarnation == 3
        assert tree.launcher.newest("inner/x").addresses == before
        assert forgotten == []
        await tree.handle["inner"].stop()
        assert forgotten == []
        await tree.handle["inner"].delete()
        assert forgotten == ["inner/x"]


async def test_what_was_added_to_a_supervisor_does_not_come_back_with_it(autojump_clock, forgotten):
    inner = supervisor("x", name="inner")
    async with opened(supervisor(inner, DynamicSpec(name="pool"))) as tree:
        await tree.handle.supervisor("inner").start_child(child("added"))
        await tree.handle.supervisor("pool").start_child(child("w"))
        await tree.handle["inner"].restart()
        assert forgotten == ["inner/added"]
        await tree.handle["pool"].restart()
        assert forgotten == ["inner/added", "pool/w"]


async def test_all_is_forgotten_when_the_tree_ends(autojump_clock, forgotten):
    inner = supervisor("x", "y", name="inner")
    async with opened(supervisor("a", inner, "b")) as tree:
        await tree.handle["b"].stop()
    assert sorted(forgotten) == ["a", "b", "inner/x", "inner/y"]


async def test_a_new_spec_closes_the_sockets_that_it_does_not_name(autojump_clock, forgotten):
    spec = supervisor(server("a", "127.0.0.1:1"), server("b", "127.0.0.1:2"), server("c"), "d")
    async with opened(spec) as tree:
        before = tree.launcher.newest("b").addresses
        changed = [server("a", "127.0.0.1:3"), server("b", "127.0.0.1:2", command=["newer"]), server("c"), child("d")]
        await tree.handle.apply(supervisor(*changed))
        assert forgotten == ["a"]
        assert tree.launcher.newest("a").addresses == ("127.0.0.1:3",)
        assert tree.launcher.newest("b").key.incarnation == 2
        assert tree.launcher.newest("b").addresses == before
        await tree.handle.apply(supervisor(changed[0]))
        assert forgotten == ["a", "d", "c", "b"]


async def test_what_is_stuck_keeps_what_it_has(autojump_clock, forgotten):
    launcher = FakeLauncher()
    launcher.plan("inner/x", Script(descendants=[Descendant(unkillable=True)]))
    inner = supervisor(server("x", start_timeout=20), name="inner")
    async with opened(supervisor(inner), launcher) as tree:
        await tree.crash("inner/x")
        await trio.sleep(6)
        with pytest.raises(Exception, match="inner/x"):
            await tree.handle["inner"].stop()
        await settle()
        assert forgotten == []
    assert forgotten == []  # the launcher itself lets go of it


async def test_a_server_that_crashes_refuses_nobody(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(serves=str(key.incarnation).encode()))
    launcher.launch_takes = 1.0
    answers: list[bytes] = []
    async with opened(supervisor(server("a"), max_restarts=9), launcher) as tree, trio.open_nursery() as nursery:
        (address,) = launcher.newest("a").addresses

        async def ask():
            answers.append(await launcher.ask(address))

        for _ in range(3):
            await ask()
            launcher.newest("a").exit(1)
            nursery.start_soon(ask)
            await trio.sleep(2)
        assert tree.running() == ["a#4"]
    assert answers == [b"1", b"2", b"2", b"3", b"3", b"4"]
    with pytest.raises(ConnectionRefusedError):
        await launcher.ask(address)
