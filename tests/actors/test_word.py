"""What is still waited for, and what a child says of itself: told, and in the status."""

from __future__ import annotations

import pytest
import trio
from tests.actors.helpers import child, opened, settle, supervisor

from regrow import events as ev
from regrow._specs.facts import Remark
from regrow.exceptions import InvalidStateError
from regrow.readiness import AllOf, FileExists, TcpPort

PROBE = AllOf(TcpPort(8000), FileExists("there"))


async def test_what_is_missing_is_told_whenever_it_changes(autojump_clock):
    async with opened(supervisor()) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(tree.handle.start_child, child("a", ready=PROBE))
        await settle()
        process = tree.launcher.newest("a")
        status = tree.handle["a"].status()
        assert status.waiting_for == "TCP port 127.0.0.1:8000 and file there"  # nobody has said anything yet
        process.awaiting("TCP port 127.0.0.1:8000 and file there")
        await trio.sleep(2)
        process.awaiting("file there")
        status = tree.handle["a"].status()
        assert (status.waiting_for, status.waiting_since) == ("file there", 2)
        process.become_ready()
        await settle()
        assert tree.handle["a"].status().waiting_for is None
        told = [event for event in tree.events if isinstance(event, ev.ChildWaiting)]
        assert told == [
            ev.ChildWaiting("a", 1, "TCP port 127.0.0.1:8000 and file there"),
            ev.ChildWaiting("a", 1, "file there"),
        ]


async def test_what_a_child_says_of_itself_is_told_and_kept(autojump_clock):
    async with opened(supervisor("a")) as tree:
        process = tree.launcher.newest("a")
        assert tree.handle["a"].status().says == ""
        process.remark("serving 3 requests")
        assert tree.events[-1] == ev.ChildRemarked("a", 1, "serving 3 requests")
        assert tree.handle["a"].status().says == "serving 3 requests"
        process.exit(1)
        await settle()
        assert tree.handle["a"].status().says == ""  # that was the incarnation before


async def test_what_its_launcher_says_is_not_its_own_word(autojump_clock):
    async with opened(supervisor("a")) as tree:
        process = tree.launcher.newest("a")
        process.tell(Remark("MAINPID=3 is not done", is_answer=True))
        assert tree.events[-1] == ev.ChildRemarked("a", 1, "MAINPID=3 is not done", is_answer=True)
        assert tree.handle["a"].status().says == ""


async def test_a_fake_that_is_settled_awaits_nothing(autojump_clock):
    async with opened(supervisor("a")) as tree:
        process = tree.launcher.newest("a")
        with pytest.raises(InvalidStateError):
            process.awaiting("godot")
        process.leaving()
        process.exit()
        for call in (process.leaving, lambda: process.remark("x")):
            with pytest.raises(InvalidStateError):
                call()
