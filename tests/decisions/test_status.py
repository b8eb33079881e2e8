"""What a snapshot of a tree can be asked, and how incarnations are written."""

from __future__ import annotations

import pytest

from regrow._specs.protocol import Key
from regrow._specs.status import ChildStatus, State, SupervisorStatus


def child(path: str) -> ChildStatus:
    return ChildStatus(path=path, name=path.rpartition("/")[2], state=State.READY)


def supervisor(path: str, *children) -> SupervisorStatus:
    name = path.rpartition("/")[2]
    return SupervisorStatus(path=path, name=name, state=State.READY, strategy="one_for_one", children=children)


TREE = supervisor(".", child("a"), supervisor("sub", child("sub/x"), supervisor("sub/deep", child("sub/deep/y"))))


@pytest.mark.parametrize("path", ["a", "sub", "sub/x", "sub/deep", "sub/deep/y"])
def test_a_status_is_found_by_its_path(path):
    assert TREE[path].path == path


@pytest.mark.parametrize("path", ["b", "a/x", "sub/y", "sub/deep/y/z", ""])
def test_a_path_that_is_not_there_is_a_key_error(path):
    with pytest.raises(KeyError):
        TREE[path]


def test_walk_gives_parents_first_and_siblings_in_start_order():
    assert [status.path for status in TREE.walk()] == [".", "a", "sub", "sub/x", "sub/deep", "sub/deep/y"]


def test_a_key_reads_as_path_and_incarnation():
    assert str(Key("tree", "web/api", 3)) == "web/api#3"
