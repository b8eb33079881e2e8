"""What an installation brings: the guardian compiled, where there is a compiler, and its source in any case."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="WHEELS ARE NOT TESTED: hatchling is not installed")
pytest.importorskip("hatch_vcs", reason="WHEELS ARE NOT TESTED: hatch-vcs is not installed")

ROOT = Path(__file__).parents[2]
FILES = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE-MIT", "LICENSE-APACHE", ".gitignore")
GUARDIAN = Path("src", "regrow", "_edge", "guardian")


@pytest.fixture
def tree(tmp_path) -> Path:
    """A copy of the source, without git, and with what an earlier version was compiled to."""
    tree = tmp_path / "tree"
    ignored = shutil.ignore_patterns("guardian-*", "__pycache__")
    shutil.copytree(ROOT / "src", tree / "src", ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, tree)
    (tree / GUARDIAN / "guardian-old").write_text("old")
    return tree


def build_in(tree: Path, what: str, **environment: str) -> Path:
    code = f"import hatchling.build; print(hatchling.build.build_{what}('made'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env={**os.environ, **environment}, stdout=subprocess.PIPE, check=True
    )
    return tree / "made" / done.stdout.decode().split()[-1]


def guardians_in(wheel: Path) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(wheel) as archive:
        return [entry for entry in archive.infolist() if "guardian/guardian" in entry.filename]


def names(entries: list[zipfile.ZipInfo]) -> set[str]:
    return {Path(entry.filename).name for entry in entries}


def test_a_wheel_has_the_compiled_guardian_and_is_for_this_kind_of_machine(compiled, tree):
    wheel = build_in(tree, "wheel")
    kind = platform.machine()
    assert f"-py3-none-manylinux_2_17_{kind}.manylinux2014_{kind}.musllinux_1_1_{kind}." in wheel.name
    entries = guardians_in(wheel)
    assert names(entries) == {"guardian.c", "guardian.py", compiled.name}
    program = next(entry for entry in entries if entry.filename.endswith(compiled.name))
    assert program.external_attr >> 16 & 0o777 == 0o755


def test_without_a_compiler_the_wheel_is_for_every_machine(tree):
    wheel = build_in(tree, "wheel", CC="no-such-compiler")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert names(guardians_in(wheel)) == {"guardian.c", "guardian.py"}


def test_what_is_installed_from_its_source_tree_has_the_compiled_guardian_there(compiled, tree):
    build_in(tree, "editable")
    made = {path.name for path in (tree / GUARDIAN).glob("guardian-*")}
    assert made == {compiled.name}


def test_the_source_archive_has_the_source(tree):
    archive = build_in(tree, "sdist")
    with tarfile.open(archive) as files:
        found = {name.partition("/")[2] for name in files.getnames()}
    assert {str(GUARDIAN / "guardian.c"), str(GUARDIAN / "guardian.py"), "hatch_build.py"} <= found
    assert str(GUARDIAN / "guardian-old") not in found
