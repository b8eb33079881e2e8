"""The product in each of its layers, by name: `compiled`, `python`, `none`; with `+cgroup` or `+namespace`."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

from typing import Any

import pytest
from tests.edge.cgroups.ground import own_place

from regrow._edge.guarding.namespaces import why_no_namespace
from regrow._edge.local import LocalLauncher
from regrow._edge.tuning import Tuning


def launcher(layer: str) -> LocalLauncher:
    """What has that layer."""
    guardian, *more = layer.split("+")
    settings: dict[str, Any] = {"guardian": guardian, "cgroup": "always" if "cgroup" in more else "none"}
    return LocalLauncher(tuning=Tuning(**settings))


def containment(layer: str) -> str:
    """What a child asks for, to have that layer."""
    return "namespace" if layer.endswith("+namespace") else "auto"


def level(layer: str) -> str:
    """How its status names that layer."""
    guardian, *more = layer.split("+")
    return "+".join(["group" if guardian == "none" else "guardian", *more])


def skip_if_there_is_no(help_: str) -> None:
    """Skip a test of what this machine cannot give: a `cgroup`, or a `namespace`."""
    place = own_place()
    why = why_no_namespace() if help_ == "namespace" else place if isinstance(place, str) else ""
    if why:
        pytest.skip(f"NOT TESTED: no {help_}: {why}")
