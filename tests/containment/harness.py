"""Run one of the tortures in a process of its own, which asks for all orphans, and read what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FACTOR = int(os.environ.get("REGROW_TORTURE", "1"))
"""How many times as long as in every test run."""


def torture(module: str, *arguments: object) -> dict[str, Any]:
    """What `python -m tests.containment.MODULE ARGUMENTS` prints."""
    return result_of(command(module, *arguments))


def result_of(command: list[str]) -> dict[str, Any]:
    """The line of JSON that *command* prints."""
    done = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, check=True)
    result = json.loads(done.stdout)
    print(result)
    return result


def command(module: str, *arguments: object) -> list[str]:
    """The command line of one of the programs here."""
    return [sys.executable, "-m", f"tests.containment.{module}", *map(str, arguments)]


def environment() -> dict[str, str]:
    """Ours, with the sources that are tested."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "src")}


def a_seed() -> int:
    return int.from_bytes(os.urandom(3), "big")
