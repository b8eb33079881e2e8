"""Groups for tests, and a watch over those that are left."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.edge.cgroups.ground import Ground, Unkillable, own_place

from regrow._edge.cgroups.place import Place


@pytest.fixture
def own() -> Place:
    place = own_place()
    if isinstance(place, str):
        pytest.skip(f"CONTROL GROUPS ARE NOT TESTED: {place}")
    return place


@pytest.fixture
def ground(own) -> Iterator[Ground]:
    """A group of the test's own."""
    ground = Ground(own.path)
    yield ground
    ground.remove()


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")


@pytest.fixture
def unkillable() -> Iterator[type[Unkillable]]:
    if not Unkillable.can_be():
        pytest.skip("NOTHING STUCK IS TESTED: there is no freezer of version 1 here")
    made: list[Unkillable] = []

    class Tracked(Unkillable):
        def __init__(self, pid: int) -> None:
            super().__init__(pid)
            made.append(self)

    yield Tracked
    for one in made:
        one.remove()


@pytest.fixture(autouse=True)
def no_group_is_left(no_process_is_left) -> Iterator[None]:
    """Fail a test that leaves a group of ours in the place where they are made."""
    place = own_place()
    yield
    if isinstance(place, Place):
        deadline = time.monotonic() + 2
        while (left := _ours(place)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not left


def _ours(place: Place) -> list[str]:
    return [path.name for path in Path(place.path).glob(f"regrow-{os.getpid()}-*")]
