"""Pauses, stops, deaths and restarts in any order: who runs is held still exactly if it, or somebody above it, is."""

from __future__ import annotations

from random import Random

import pytest
import trio
from tests.actors.helpers import child, opened, settle, supervisor

from regrow import Backoff, State
from regrow.exceptions import AlreadyRunningError, InvalidStateError, ProcessNotFoundError, StartFailedError

CHILDREN = ["a", "b", "x/c", "x/d", "x/y/e", "x/y/f"]
SUPERVISORS = [".", "x", "x/y"]
REFUSALS = (InvalidStateError, AlreadyRunningError, ProcessNotFoundError, StartFailedError)


def tree():
    kinds = {"max_restarts": 10_000, "strategy": "rest_for_one"}
    slow = child("e", backoff=Backoff(initial=3, immediate=0, jitter=0))
    y = supervisor(slow, "f", name="y", **kinds)
    x = supervisor("c", "d", y, name="x", **kinds)
    return supervisor("a", "b", x, max_restarts=10_000)


class Model:
    """What was paused by a call, by path and incarnation; a pause ends with its incarnation."""

    def __init__(self, tree):
        self._tree = tree
        self._paused = set()

    def key(self, path):
        try:
            handle = self._tree.handle[path]
        except ProcessNotFoundError:
            return None
        status = handle.status()
        return path, status.incarnation

    def is_paused(self, path):
        return self.key(path) in self._paused

    def note(self, path, *, paused):
        (self._paused.add if paused else self._paused.discard)(self.key(path))

    def is_held(self, path):
        above = [".", *("/".join(path.split("/")[:depth]) for depth in range(1, path.count("/") + 2))]
        return any(map(self.is_paused, above))


async def act(tree, model, random):
    """Do one thing; what is refused changes nothing."""
    path = random.choice(CHILDREN + SUPERVISORS)
    verb = random.choice(["pause", "pause", "resume", "resume", "kill", "stop", "start", "restart", "wait"])
    try:
        handle = tree.handle[path]
        if verb in {"pause", "resume"}:
            getattr(handle, verb)()
            model.note(path, paused=verb == "pause")
        elif verb == "kill":
            die(tree, path)
        elif verb == "wait":
            await trio.sleep(random.choice([0.1, 2, 5]))
        elif path != ".":
            with trio.move_on_after(1):  # a start waits for the end of a pause
                await getattr(handle, verb)()
    except REFUSALS:
        pass
    await settle()


def die(tree, path):
    running = {process.key.path: process for process in tree.launcher.running}
    if path in running:
        running[path].die_of("SIGKILL")


def check(tree, model):
    running = {process.key.path: process for process in tree.launcher.running}
    for path, process in running.items():
        assert process.is_paused == model.is_held(path), path
        assert (tree.handle[path].status().state is State.PAUSED) == process.is_paused, path
    for path in SUPERVISORS:
        if (key := model.key(path)) and tree.handle[path].status().state in {State.READY, State.STARTING}:
            assert not model.is_held(path), key


@pytest.mark.parametrize("seed", range(30))
async def test_who_is_held_is_who_was_paused(autojump_clock, seed):
    random = Random(seed)
    async with opened(tree()) as tree_:
        model = Model(tree_)
        for _ in range(60):
            await act(tree_, model, random)
            check(tree_, model)
        for path in [*SUPERVISORS, *CHILDREN]:
            if model.is_paused(path) and tree_.handle[path].status().state is State.PAUSED:
                tree_.handle[path].resume()
        await trio.sleep(10)
        assert not any(process.is_paused for process in tree_.launcher.running)
        assert {status.state for status in tree_.handle.status().walk()} <= {State.READY, State.DOWN}
