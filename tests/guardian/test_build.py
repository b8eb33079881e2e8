"""Compiling: once, whole, and never needed."""

from pathlib import Path

from regrow._edge.guardian.build import build


def test_it_is_compiled_once(compiled, tmp_path):
    first = build(tmp_path / "a" / "b")
    assert first is not None
    before = first.stat().st_mtime_ns
    assert build(tmp_path / "a" / "b") == first
    assert first.stat().st_mtime_ns == before
    assert list(first.parent.iterdir()) == [first]


def test_it_is_small_and_warns_of_nothing(compiled, tmp_path):
    strict = build(tmp_path, options=["-Wshadow", "-Wstrict-prototypes", "-Wmissing-declarations", "-Wconversion"])
    assert compiled.stat().st_size < 16 * 1024
    assert strict is None or strict.exists()


def test_without_a_compiler_there_is_none(tmp_path):
    assert build(tmp_path, compiler="no-such-compiler") is None
    assert build(tmp_path, compiler="false") is None
    assert build(Path("/proc/nowhere")) is None
    assert list(tmp_path.iterdir()) == []
