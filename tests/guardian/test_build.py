"""Compiling: once, whole, and never needed."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from regrow._edge.guardian import build
from regrow._edge.guardian.locate import locate

STRICT = ("-Werror", "-Wshadow", "-Wstrict-prototypes")


def test_it_is_compiled_once(compiled, tmp_path):
    first = build.build(tmp_path / "a" / "b")
    assert first is not None
    before = first.stat().st_mtime_ns
    assert build.build(tmp_path / "a" / "b") == first
    assert first.stat().st_mtime_ns == before
    assert list(first.parent.iterdir()) == [first]


def test_it_is_small_and_warns_of_nothing(compiled, tmp_path):
    assert build.build(tmp_path, options=STRICT) is not None
    assert compiled.stat().st_size < 32 * 1024


def test_without_a_compiler_there_is_none(tmp_path):
    assert build.build(tmp_path, compiler=["no-such-compiler"]) is None
    assert build.build(tmp_path, compiler=["false"]) is None
    assert build.build(tmp_path, compiler=["true"]) is None
    assert build.build(Path("/proc/nowhere")) is None
    assert list(tmp_path.iterdir()) == []


def test_a_program_for_another_machine_is_none(compiled, tmp_path, monkeypatch):
    monkeypatch.setitem(build.MACHINES, platform.machine(), 0x7777)
    assert build.build(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_the_compiled_one_is_found(compiled):
    assert locate("compiled") == [str(compiled)]


@pytest.fixture
def elsewhere(compiled, tmp_path, monkeypatch) -> Path:
    """A package of which the compiled guardian is all there is but its source."""
    monkeypatch.setattr(build, "SOURCE", Path(shutil.copy(build.SOURCE, tmp_path)))
    monkeypatch.setattr(build, "PYTHON", tmp_path / "guardian.py")
    return Path(shutil.copy(compiled, tmp_path))


def test_one_made_from_another_source_is_not_used(elsewhere):
    assert locate("compiled") == [str(elsewhere)]
    with build.SOURCE.open("a") as source:
        source.write("\n")
    assert locate("compiled") is None


def test_one_that_may_not_be_executed_or_is_not_there_is_not_used(elsewhere):
    elsewhere.chmod(0o644)
    assert locate("compiled") is None
    elsewhere.unlink()
    assert locate("compiled") is None
    build.SOURCE.unlink()
    assert locate("compiled") is None


def test_the_python_one_is_found_where_there_is_a_python(monkeypatch):
    assert locate("python") == [sys.executable, "-I", "-S", str(build.PYTHON)]
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert locate("python") is None
    monkeypatch.setattr(sys, "executable", None)  # as in a program with Python inside
    assert locate("python") is None


def test_python_without_its_file_is_not_found(elsewhere):
    assert locate("python") is None


def test_elsewhere_there_is_neither(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert locate("compiled") is None
    assert locate("python") is None


def test_the_module_that_compiles_needs_nothing_but_the_standard_library():
    code = f"import runpy; runpy.run_path({build.__file__!r})"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


def test_its_lines_are_as_long_as_ours():
    assert not [line for line in build.SOURCE.read_text().splitlines() if len(line) > 120]
