"""The project's jobs: ``nox`` runs every gate, ``nox -s NAME`` one job, each also alone.

Each session makes an environment of its own; with ``--no-venv`` it uses the one that nox itself is in, which
then has to be complete (``dev.py test`` makes such a one and runs the gates in it).
"""

import os
import shutil
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "docs", "tests"]

PYTHONS = ["3.11", "3.12", "3.13"]
COMPLETE = ["src/regrow/_specs/*", "src/regrow/_decisions/*", "src/regrow/_actors/*"]
"""What the tests must cover line by line and branch by branch."""

ASYNC_CHECKS = "ASYNC1,ASYNC2,ASYNC3,ASYNC900"
"""All that flake8-async does by default, and no async generators: nobody closes those in time."""

NOT_IN_TESTS = "ASYNC111,ASYNC124"
"""A test may wait, outside of a tree, for what its end does; and be async to have a loop around it."""

# pyenv's shims stand for every version and run only the chosen ones: look where they really are.
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], *map(str, PYENV.glob("versions/3.1[123].*/bin"))])

# Each test waits for processes more than it computes, so two at a time suit even one core.
IN_PARALLEL = ["--numprocesses", "auto"]


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests; what follows ``--`` goes to pytest."""
    prepare(session, "test")
    session.run("python", "-m", "pytest", *IN_PARALLEL, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, async mistakes, the import contracts and the names of changelog fragments."""
    prepare(session, "lint")
    run_all(
        session,
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["flake8-async", "--enable", ASYNC_CHECKS, *python_files("src", "examples")],
        ["flake8-async", "--enable", ASYNC_CHECKS, "--disable", NOT_IN_TESTS, *python_files("tests")],
        ["lint-imports"],
        ["towncrier", "build", "--draft", "--version", "next"],
    )


@nox.session
def types(session: nox.Session) -> None:
    """Check the types twice, mypy --strict and pyright, each as on Linux, macOS and Windows."""
    prepare(session, "types")
    run_all(
        session,
        ["mypy", "--platform", "linux"],
        # The tests run on Linux; what they ask of its signals and processes, other systems do not have.
        *(["mypy", "--platform", platform, "src", "examples"] for platform in ["darwin", "win32"]),
        *(["pyright", "--pythonplatform", platform] for platform in ["Linux", "Darwin", "Windows"]),
    )


@nox.session
def docs(session: nox.Session) -> None:
    """Build the docs, every warning an error, without the network."""
    prepare(session, "docs")
    session.run("sphinx-build", "-W", "--keep-going", "-q", "docs", "docs/_build/html")


@nox.session
def examples(session: nox.Session) -> None:
    """Run each file of examples/ as CI does."""
    prepare(session, "test")
    session.run("python", "-m", "pytest", "tests/faces/test_examples.py", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the tests under coverage; specs, decisions and actors must be covered whole."""
    prepare(session, "test")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *IN_PARALLEL, *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")
    session.run("coverage", "report", "--include", ",".join(COMPLETE), "--fail-under", "100")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure regrow beside what else there is, and judge it; `-- --quick` to see that it works."""
    prepare(session)
    install_peers(session)
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Run the tests that take minutes."""
    prepare(session, "test")
    session.run("python", "-m", "pytest", "-m", "soak", "--timeout", "3600", *session.posargs)


@nox.session
def torture(session: nox.Session) -> None:
    """Stop and kill trees of processes that do not want to end, a thousand times and more, and count who is left."""
    prepare(session, "test")
    session.env["REGROW_TORTURE"] = os.environ.get("REGROW_TORTURE", "100")  # times as many as the tests do
    folders = ["tests/containment", "tests/guardian/test_torture.py", "tests/guardian/test_crowded.py"]
    options = ["-k", "not soaking", "-m", "", "--timeout", "12000"]
    session.run("python", "-m", "pytest", *IN_PARALLEL, *options, *(session.posargs or folders))


@nox.session
def conditions(session: nox.Session) -> None:
    """Run what touches the operating system as root and not, as the first process, without pidfds, without cgroups."""
    prepare(session, "test")
    session.run("python", "-m", "tests.containment.conditions", *session.posargs)


@nox.session
def otp(session: nox.Session) -> None:
    """Record anew what a real OTP supervisor does in each scenario."""
    if shutil.which("erl") is None:
        session.error("erl is not installed; on Debian it is the package erlang-base")
    session.run("python", "tests/decisions/otp/record.py", *session.posargs)


def prepare(session: nox.Session, *groups: str) -> None:
    """Install regrow and *groups* in the session's environment, if it has one of its own."""
    if session.venv_backend != "none":
        wanted = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), *groups)
        session.install("--editable", ".", *wanted)


def install_peers(session: nox.Session) -> None:
    """Install what regrow is measured beside, each if it can be had: who is missing is named in the report."""
    if session.venv_backend == "none":
        return
    for peer in nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "bench"):
        try:
            # Compiled, as it would be after its first run: some are measured from their own start on.
            session.install(peer, env={"UV_COMPILE_BYTECODE": "1"})
        except CommandFailed:
            session.warn(f"{peer} cannot be installed here, and does not take part")


def run_all(session: nox.Session, *commands: list[str]) -> None:
    """Run every one of *commands*, also when one before it has failed: one run tells all that is wrong."""
    failed = []
    for command in commands:
        try:
            session.run(*command)
        except CommandFailed:
            failed.append(" ".join(command[:3]))
    if failed:
        session.error(f"failed: {', '.join(failed)}")


def python_files(*folders: str) -> list[str]:
    """The files in *folders*, for a tool that takes no directories."""
    return [str(file) for folder in folders for file in sorted(Path(folder).rglob("*.py"))]
