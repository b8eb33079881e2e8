"""Who gets a group of his own, and who would gain nothing by it."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os

import pytest

from regrow._edge.cgroups.wanting import are_for_all, wants_leaf
from regrow._edge.orders.setup import PLAIN, setup_of
from regrow._specs.child import ChildSpec

ALL, NONE = "000001ffffffffff", "0000000000000000"


def setup(**settings):
    return setup_of(ChildSpec(name="w", command=["true"], **settings))


@pytest.mark.parametrize(
    ("settings", "for_all", "for_few"),
    [
        ({}, True, False),
        ({"nice": 1}, True, False),
        ({"no_new_privs": True}, False, False),
        ({"containment": "proven"}, True, True),
        ({"containment": "namespace"}, True, False),
        ({"user": "nobody"}, True, True),
        ({"group": "nogroup"}, True, False),
        ({"user": "nobody", "no_new_privs": True}, True, True),
        ({"containment": "proven", "no_new_privs": True}, True, True),
    ],
    ids=str,
)
def test_whoever_might_get_out_of_reach_gets_one(settings, for_all, for_few):
    assert wants_leaf(setup(**settings), are_for_all=True) is for_all
    assert wants_leaf(setup(**settings), are_for_all=False) is for_few


def test_a_plain_child_is_any_child():
    assert wants_leaf(PLAIN, are_for_all=True)
    assert not wants_leaf(PLAIN, are_for_all=False)


def status(tmp_path, *, effective, bounding=ALL, ambient=NONE, no_new_privs=0):
    file = tmp_path / "status"
    lines = (f"CapEff:\t{effective}", f"CapBnd:\t{bounding}", f"CapAmb:\t{ambient}", f"NoNewPrivs:\t{no_new_privs}")
    file.write_text("\n".join(("Name:\tx", *lines, "")))
    return str(file)


KILL = "0000000000000020"
IS_ROOT = os.geteuid() == 0


@pytest.mark.parametrize(
    ("facts", "is_so"),
    [
        ({"effective": ALL}, not IS_ROOT),
        ({"effective": KILL}, not IS_ROOT),
        ({"effective": NONE}, True),
        ({"effective": ALL, "bounding": NONE}, True),
        ({"effective": NONE, "ambient": KILL}, IS_ROOT),
        ({"effective": NONE, "no_new_privs": 1}, False),
    ],
    ids=str,
)
def test_a_guardian_with_the_right_to_signal_everybody_needs_none(tmp_path, facts, is_so):
    assert are_for_all(status(tmp_path, **facts)) is is_so


def test_what_is_not_known_is_not_trusted(tmp_path):
    assert are_for_all(str(tmp_path / "none"))
