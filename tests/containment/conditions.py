"""Run the tests of what touches the operating system in every surrounding that this machine can be made to be.

    python -m tests.containment.conditions [--only NAME] [WHAT PYTEST IS TOLD]

Tests a copy of the checkout, so that an ordinary user can read it. Each run is watched over: whoever outlives it, under
whatever name, is named, and the run has failed. What this machine cannot be is said, and not passed over in silence.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import ctypes
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import attrs
from tests.containment.no_pidfd import forget_pidfds
from tests.guardian.test_crowded import UNSHARE

ROOT = Path(__file__).parents[2]
PARTS = ("tests/edge", "tests/containment", "tests/guardian", "tests/faces/test_real_trees.py")
GUARDED = "(compiled or python_no_epoll) and not children_of_the_application and not become_root and not nests"
IN_PROCESS = ("tests/edge", "tests/faces/test_real_trees.py", "-k", GUARDED)
SKIPPED = shutil.ignore_patterns(".git", ".nox", ".hypothesis", ".*_cache", "_build", "__pycache__")
NOBODY = 65534
HERE = "/proc/self/cgroup"

_NEW_MOUNTS = 0x00020000


# -- surroundings: what is done in the process that becomes pytest -----------------------------------------------------


def be_ordinary() -> None:
    """An ordinary user, who can read this Python."""
    for path in {Path(sys.base_prefix), Path(sys.prefix)}:
        for folder in path.parents:
            if not folder.stat().st_mode & stat.S_IXOTH:
                reveal(path, folder)
    os.environ["HOME"] = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="regrow-nobody-")
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = os.environ["HOME"]
    os.chown(os.environ["HOME"], NOBODY, NOBODY)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def reveal(path: Path, folder: Path) -> None:
    """Have *path* readable, and nothing else of the *folder* that hides it; for us and our descendants only."""
    own_mounts()
    kept = tempfile.mkdtemp()
    mount("--bind", str(path), kept)
    mount("-t", "tmpfs", "-o", "mode=755", "none", str(folder))
    path.mkdir(parents=True)
    mount("--bind", kept, str(path))


def have_no_cgroup() -> None:
    """A container that shows its control groups for reading only."""
    own_mounts()
    for mounted in cgroup_mounts():
        mount("-o", "remount,ro,bind", mounted)


def own_mounts() -> None:
    """From now on, what we mount is mounted for us and our descendants only."""
    assert ctypes.CDLL(None).unshare(_NEW_MOUNTS) == 0
    mount("--make-rprivate", "/")


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def cgroup_mounts() -> list[str]:
    """Where control groups of the second version are."""
    with open("/proc/mounts") as mounts:
        return [line.split()[1] for line in mounts if line.split()[2] == "cgroup2"]


def ignore_sigchld() -> None:
    """As some programs leave it to whatever they execute."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def be_delegated() -> None:
    """An ordinary user, to whom somebody has given a control group, as systemd does."""
    group = Path(os.environ[DELEGATED])
    (group / "cgroup.procs").write_text(str(os.getpid()))
    for path in (group, group / "cgroup.procs", group / "cgroup.subtree_control"):
        os.chown(path, NOBODY, NOBODY)
    be_ordinary()


DELEGATED = "REGROW_TEST_DELEGATED"


@contextmanager
def a_cgroup() -> Iterator[None]:
    """One more control group, for as long as that takes."""
    mounted = cgroup_mounts()[0]
    own = next(line[3:].strip() for line in Path(HERE).read_text().splitlines() if line.startswith("0::"))
    group = Path(f"{mounted}{own}/regrow-conditions-{os.getpid()}")
    group.mkdir()
    os.environ[DELEGATED] = str(group)
    try:
        yield
    finally:
        for folder in sorted((folder for folder in group.rglob("*") if folder.is_dir()), reverse=True):
            folder.rmdir()
        group.rmdir()


# -- conditions --------------------------------------------------------------------------------------------------------


def is_root() -> bool:
    return os.geteuid() == 0


def has_namespaces() -> bool:
    return subprocess.run([*UNSHARE, "true"], stderr=subprocess.DEVNULL).returncode == 0


def has_cgroup() -> bool:
    return is_root() and any(os.access(mounted, os.W_OK) for mounted in cgroup_mounts())


@attrs.frozen
class Condition:
    """A surrounding."""

    enter: Callable[[], None] = lambda: None
    prefix: tuple[str, ...] = ()
    can_be: Callable[[], bool] = lambda: True
    parts: tuple[str, ...] = PARTS


CONDITIONS = {
    "as it is": Condition(),
    "ordinary user": Condition(be_ordinary, can_be=is_root),
    "first process of a namespace": Condition(prefix=UNSHARE, can_be=has_namespaces),
    "no pidfd": Condition(forget_pidfds),
    "no control group": Condition(have_no_cgroup, can_be=has_cgroup),
    "ordinary user with a control group": Condition(be_delegated, can_be=has_cgroup),
    # Then the kernel takes the exit status of every child of ours: only guardians, whose SIGCHLD is their own, know how
    # one has ended. Left out is also who looks at the exit codes of children of the test itself.
    "SIGCHLD ignored": Condition(ignore_sigchld, parts=IN_PROCESS),
}


def enter(name: str, command: list[str]) -> None:
    """Become *command*, in those surroundings."""
    CONDITIONS[name].enter()
    os.execvp(command[0], command)


def run(name: str, told: list[str]) -> str:
    """Run the tests, in the current directory; how that went, in a word."""
    condition = CONDITIONS[name]
    if not condition.can_be():
        return "NOT TESTED: this machine cannot be like that, or not for this user"
    python = [sys.executable, "-m"]
    tests = [*python, "pytest", "-q", "-p", "no:cacheprovider", "--numprocesses", "auto", *(told or condition.parts)]
    watched = [*python, "tests.containment.conditions", "--enter", name, *tests]
    command = [*condition.prefix, *python, "tests.containment.warden", *watched]
    print(f"--- {name} ---", flush=True)
    return "passed" if subprocess.run(command).returncode == 0 else "FAILED"


def run_all(names: list[str], told: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="regrow-conditions-") as folder:
        copy = Path(folder, "regrow")
        shutil.copytree(ROOT, copy, ignore=SKIPPED)
        for path in (Path(folder), copy, *copy.rglob("*")):
            with suppress(PermissionError):
                os.chown(path, NOBODY, NOBODY)
        os.environ["PYTHONPATH"] = str(copy / "src")
        os.chdir(copy)
        with a_cgroup() if has_cgroup() else nullcontext():
            came_of_it = {name: run(name, told) for name in names}
    for name, word in came_of_it.items():
        print(f"{name:40} {word}")
    return int("FAILED" in came_of_it.values())


def main(words: list[str]) -> int:
    match words:
        case ["--enter", name, *command]:
            enter(name, command)
            return 0
        case ["--only", name, *told]:
            return run_all([name], told)
        case told:
            return run_all([*CONDITIONS], told)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
