#!/usr/bin/env python3
"""Set up a fresh clone and use it, with nothing but Python 3.11 and pip.

    python3 dev.py run FILE [ARGUMENT ...]   install regrow, then `regrow run FILE ...`
    python3 dev.py test [ARGUMENT ...]       install the tools too, then every gate; ARGUMENTs go to pytest

All of it goes to `.dev/` in the clone; what is there already is not installed again.
"""

# Why not simply `python3 -m venv` and pip: Debian's Python may come without ensurepip, so its venv is
# refused, and its pip refuses to install outside an environment (PEP 668) and is too old for dependency
# groups. What every pip may do is `install --target`. So pip fetches virtualenv that way, virtualenv makes
# an environment with a current pip in it, and that pip does the rest. One way, whatever is there.

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
BOOT = ROOT / ".dev" / "boot"
ENV = ROOT / ".dev" / "env"
BIN = ENV / "bin"

CORE = ("--editable", ".")
TOOLS = ("--group", "dev")
CHECKS = ("lint", "types", "docs")


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks for; the exit code says how it ended."""
    jobs = {"run": run, "test": test}
    if not arguments or arguments[0] not in jobs:
        print(__doc__, file=sys.stderr)
        return 2
    return jobs[arguments[0]](arguments[1:])


def run(arguments: Sequence[str]) -> int:
    """Become `regrow run`: Ctrl-C and the exit code are then its own, with nobody in between."""
    make_environment()
    install("regrow", CORE)
    os.execve(BIN / "regrow", ["regrow", "run", *arguments], inside())


def test(arguments: Sequence[str]) -> int:
    """Run the checks, then the tests in any case: pytest has the last word, the exit code tells of both."""
    make_environment()
    install("regrow", CORE)
    install("the tools", TOOLS)
    os.chdir(ROOT)
    nox = [str(BIN / "nox"), "--no-venv", "--session"]
    checked = subprocess.run([*nox, *CHECKS], env=inside())
    tested = subprocess.run([*nox, "tests", "--", *arguments], env=inside())
    if checked.returncode:
        print(f"dev.py: {', '.join(CHECKS)}: not all passed, see above", file=sys.stderr)
    return checked.returncode or tested.returncode


def make_environment() -> None:
    """Have an empty environment in `.dev/env`, unless the one there is of this clone and this Python."""
    stamp = Stamp("environment", ENV, sys.executable, sys.version)
    if stamp.is_set():
        return
    print("dev.py: making .dev/env", file=sys.stderr, flush=True)
    shutil.rmtree(ROOT / ".dev", ignore_errors=True)
    python = (sys.executable, "-m")
    call(*python, "pip", "install", "--quiet", "--target", BOOT, "virtualenv")
    data = ROOT / ".dev" / "virtualenv"  # by default it would keep things in the home directory
    call(*python, "virtualenv", "--quiet", "--app-data", data, ENV, PYTHONPATH=str(BOOT))
    stamp.set()


def install(what: str, arguments: Sequence[str]) -> None:
    """Install *arguments* with pip, unless that was done for this very pyproject.toml."""
    stamp = Stamp(what, (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    if stamp.is_set():
        return
    print(f"dev.py: installing {what}", file=sys.stderr, flush=True)
    call(BIN / "python", "-m", "pip", "install", "--quiet", *arguments)
    stamp.set()


class Stamp:
    """A file that says that something was done to the end, and from what."""

    def __init__(self, what: str, *made_from: object) -> None:
        self._file = ENV / f"done-{what.replace(' ', '-')}"
        self._digest = hashlib.sha256(repr(made_from).encode()).hexdigest()

    def is_set(self) -> bool:
        """Whether it was done, and from the same things."""
        return self._file.is_file() and self._file.read_text(encoding="utf-8") == self._digest

    def set(self) -> None:
        """Say that it is done."""
        self._file.write_text(self._digest, encoding="utf-8")


def call(*command: object, **variables: str) -> None:
    """Run *command* in the clone; where it fails, end with its exit code: it has said why."""
    # Some pip configurations demand what a --target refuses: answer for them.
    pip = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    result = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env={**outside(), **pip, "PIP_ROOT_USER_ACTION": "ignore", **variables},
    )
    if result.returncode:
        sys.exit(f"dev.py: exit code {result.returncode} from {' '.join(map(str, command))}")


def outside() -> dict[str, str]:
    """Our environment variables, without those that would bring in modules from elsewhere."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}


def inside() -> dict[str, str]:
    """The environment variables of an activated `.dev/env`."""
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])
    return {**outside(), "PATH": path, "VIRTUAL_ENV": str(ENV)}


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit(f"dev.py: regrow needs Python 3.11 or newer, this is {sys.version.split()[0]}")
    sys.exit(main(sys.argv[1:]))
