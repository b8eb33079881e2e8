"""Tests of the guardian; it is for Linux only, and so are they."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.guardian.client import Client, open_client
from tests.guardian.compiling import ensure_compiled
from tests.guardian.hostile import alive, describe, new_marker

from regrow._edge.guardian import build


@pytest.fixture
def marker() -> Iterator[str]:
    """In the command line of every child of a test and of its guardians; when it ends, nobody is left."""
    marker = new_marker()
    yield marker
    left = alive(marker)
    assert not left, f"left: {describe(left)}"


@pytest.fixture(scope="session")
def compiled() -> Path:
    path = ensure_compiled()
    if path is None:
        pytest.skip("THE COMPILED GUARDIAN IS NOT TESTED: there is no C compiler here")
    return path


@pytest.fixture(params=["c", "python"])
def implementation(request) -> str:
    if request.param == "c":
        request.getfixturevalue("compiled")
    return request.param


@pytest.fixture
def guardian(implementation, request, tmp_path, marker) -> list[str]:
    """The command line of a guardian, with the marker in it."""
    if implementation == "c":
        return [str(shutil.copy(request.getfixturevalue("compiled"), tmp_path / f"guardian-{marker}"))]
    return [sys.executable, "-I", "-S", str(shutil.copy(build.PYTHON, tmp_path / f"guardian-{marker}.py"))]


@pytest.fixture
def variant(implementation, tmp_path, marker) -> Callable[[str], list[str]]:
    """Makes a guardian that lacks something, by the name that both sources have for that, with the marker in it."""

    def make(name: str) -> list[str]:
        if implementation == "c":
            path = build.build(tmp_path, options=[f"-D{name}=1"])
            assert path is not None
            return [str(path.rename(tmp_path / f"guardian-{marker}-{name}"))]
        text = build.PYTHON.read_text()
        assert f"\n{name} = False\n" in text
        path = tmp_path / f"guardian-{marker}-{name}.py"
        path.write_text(text.replace(f"\n{name} = False\n", f"\n{name} = True\n"))
        return [sys.executable, "-I", "-S", str(path)]

    return make


@pytest.fixture
def client(guardian) -> Iterator[Client]:
    with open_client(guardian) as client:
        yield client
