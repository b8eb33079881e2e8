"""From the words of a command line to the spec of a tree."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import attrs

from regrow._cli.finding import BrokenTargetError, TargetError, find
from regrow._cli.tracebacks import own_traceback
from regrow._specs.check import leniently
from regrow._specs.supervisor import AnySupervisorSpec


@attrs.frozen
class Target:
    """Where a tree is: in a file or in a module, and under which name there."""

    home: str
    """`app.py`, `web/app.py`, `package.module`."""

    attribute: str | None = None

    @classmethod
    def parse(cls, words: str) -> Target:
        """Read `FILE.py`, `FILE.py:ATTRIBUTE` or `MODULE:ATTRIBUTE`."""
        home, colon, attribute = words.rpartition(":")
        if not colon or not attribute or os.sep in attribute:
            return cls(words.removesuffix(":"))
        return cls(home, attribute)

    @property
    def is_file(self) -> bool:
        """Whether its home is a file, and not a module."""
        return self.home.endswith(".py") or os.sep in self.home or Path(self.home).exists()


def load(words: str) -> AnySupervisorSpec:
    """Find and return the tree that *words* name. It may be invalid: `problems` says so.

    Raises:
        TargetError: there is no such file, module or attribute.
        BrokenTargetError: it is there, but there is no tree in it, or it cannot even be loaded.
    """
    target = Target.parse(words)
    with leniently(), _own_errors(target.home):
        module = _load_file(target.home) if target.is_file else _load_module(target.home)
        return find(module, target.attribute, target.home)


def _load_file(home: str) -> ModuleType:
    path = Path(home)
    if not path.is_file():
        raise TargetError(_why_no_file(path))
    sys.path.insert(0, str(path.resolve().parent))
    # Not under the file's own name, which may be that of a module that we need, such as signal.py.
    spec = importlib.util.spec_from_file_location("__regrow_main__", path.resolve())
    if spec is None or spec.loader is None:
        raise TargetError(f"{home}: not a Python file")
    module = sys.modules["__regrow_main__"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _load_module(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise TargetError(f"{name!r} is neither a file nor the name of a module; write FILE.py or MODULE:ATTRIBUTE")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there; what it imports is not
        raise TargetError(f"{name}: no such module{_near(f'{name}.py', _files(Path('.')))}") from None


@contextmanager
def _own_errors(home: str) -> Iterator[None]:
    """Within the block runs code of the user's: whatever it raises is told as their own."""
    try:
        yield
    except TargetError:
        raise
    except SystemExit as error:
        raise BrokenTargetError(f"{home}: it called sys.exit({error.code!r}) while it was loaded") from None
    except Exception as error:  # noqa: BLE001  what is loaded may raise anything
        raise BrokenTargetError(f"{home}: it cannot be loaded\n\n{own_traceback(error)}") from None


def _why_no_file(path: Path) -> str:
    if path.is_dir():
        there = ", ".join(_files(path)) or "none"
        return f"{path}: is a directory; name a Python file in it ({there})"
    return f"{path}: no such file{_near(path.name, _files(path.parent))}"


def _files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*.py"))


def _near(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else ""
