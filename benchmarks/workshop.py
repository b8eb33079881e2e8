"""What a session works with: the compiled programs, a copy of /bin/sleep of its own, and a directory for each scene."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

HERE = Path(__file__).parent
DRIVERS = HERE / "drivers"

# The empty program is to be as small as one page of code allows.
_EMPTY = (
    *("-Os", "-nostdlib", "-static", "-ffreestanding", "-fno-stack-protector", "-fno-asynchronous-unwind-tables"),
    *("-fno-pie", "-no-pie", "-s", "-Wl,--build-id=none", "-Wl,-z,noseparate-code", "-Wl,-z,noexecstack"),
)
_COMPILER = os.environ.get("CC", "cc")


class NoCompilerError(Exception):
    """There is nothing to compare with."""


@attrs.frozen(kw_only=True)
class Workshop:
    """Made once for a session."""

    directory: Path

    floor: Path
    """The C loop, see `floor.c`."""

    program: Path
    """The empty program, see `program.c`. Nobody but us runs this file: whoever does is a child of a contestant."""

    ordinary: Path
    """The same as a dynamic program that crashes, see `ordinary.c`."""

    beater: Path
    """A program that says once a second that it is alive, see `beater.c`."""

    sleep: Path
    """A copy of /bin/sleep: the same holds for it."""

    _numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(1), init=False)

    @property
    def locales(self) -> Path:
        """Where /bin/sleep looks for a locale; see `beacon.Opened`."""
        return self.directory / "locales" / "bench"

    def scene(self) -> Path:
        """A new directory."""
        path = self.directory / f"scene{next(self._numbers)}"
        path.mkdir()
        return path

    def environment(self) -> dict[str, str]:
        """The environment of all contestants, which they hand on to their children."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LC_")}
        return {**kept, "LANG": "C", "LOCPATH": str(self.locales.parent), "LC_MEASUREMENT": self.locales.name}


@contextmanager
def open_workshop() -> Iterator[Workshop]:
    """A workshop, until the end of the block.

    Raises:
        NoCompilerError: there is no C compiler here.
    """
    if shutil.which(_COMPILER) is None:
        raise NoCompilerError(f"there is no C compiler ({_COMPILER}) here")
    with tempfile.TemporaryDirectory(prefix="regrow-bench-") as name:
        directory = Path(name)
        shop = Workshop(
            directory=directory,
            floor=directory / "floor",
            program=directory / "program",
            ordinary=directory / "ordinary",
            beater=directory / "beater",
            sleep=directory / "sleep",
        )
        _compile(shop.beater, HERE / "beater.c", ("-O2",))
        _compile(shop.ordinary, HERE / "ordinary.c", ("-O2",))
        _compile(shop.program, HERE / "program.c", _EMPTY)
        _compile(shop.floor, HERE / "floor.c", ("-O2",))
        shutil.copy(shutil.which("sleep") or "/bin/sleep", shop.sleep)
        shop.locales.mkdir(parents=True)
        (shop.locales / "LC_MEASUREMENT").touch()
        yield shop


def _compile(made: Path, source: Path, options: tuple[str, ...]) -> None:
    subprocess.run([_COMPILER, *options, "-o", str(made), str(source)], check=True)
