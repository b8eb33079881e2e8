"""What a build does besides copying files: it compiles the guardian, where there is a C compiler.

The wheel is then for one kind of machine; without a compiler it is for all. The guardian needs no C library, so it
serves every Linux: glibc and musl.
"""

import importlib.util
import os
import platform
import shlex
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import parse_tag, sys_tags

GUARDIAN = Path("src", "regrow", "_edge", "guardian")
IN_PACKAGE = Path("regrow", "_edge", "guardian")
SYSTEMS = ("manylinux_2_17_{0}.manylinux2014_{0}.musllinux_1_1_{0}", "linux_{0}")
"""For the index; and for a Linux that is none of these, as its own pip says."""


class GuardianHook(BuildHookInterface[BuilderConfig]):
    """Compile the guardian for a wheel, or into the source tree if that is what is installed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it looks for files."""
        tag = find_tag()
        if tag is None:
            return
        build = load(Path(self.root, GUARDIAN, "build.py"))
        compiler = shlex.split(os.environ.get("CC", "cc")) or ["cc"]
        if version == "editable":
            made = build.build(Path(self.root, GUARDIAN), compiler=compiler)
            remove_all_but(made, Path(self.root, GUARDIAN))
            return
        self.made_in = tempfile.TemporaryDirectory()
        made = build.build(Path(self.made_in.name), compiler=compiler)
        if made is not None:
            build_data["force_include"][str(made)] = str(IN_PACKAGE / made.name)
            build_data["tag"], build_data["pure_python"] = tag, False

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called by hatchling when the wheel is there."""
        if version != "editable" and hasattr(self, "made_in"):
            self.made_in.cleanup()


def find_tag() -> str | None:
    """What a wheel with a guardian in it is called here; `None` where no guardian can run, or pip would refuse it."""
    if sys.platform != "linux" or sys.maxsize < 1 << 32:
        return None
    known = set(sys_tags())
    tags = (f"py3-none-{system.format(platform.machine())}" for system in SYSTEMS)
    return next((tag for tag in tags if known & parse_tag(tag)), None)


def load(path: Path) -> ModuleType:
    """The module at *path*, without the package around it: that needs what is not installed yet."""
    spec = importlib.util.spec_from_file_location("regrow_build", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def remove_all_but(kept: Path | None, directory: Path) -> None:
    """What earlier versions were compiled to is of no use."""
    for path in directory.glob("guardian-*"):
        if path != kept:
            path.unlink(missing_ok=True)
