"""What a tree needs of this machine, and what of it is not there."""

from __future__ import annotations

import difflib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from regrow._specs.check import Problem, problems
from regrow._specs.child import ChildSpec
from regrow._specs.stop import Run
from regrow._specs.supervisor import DynamicSpec, SupervisorSpec


def environment_problems(spec: Any, place: str | None = None) -> Iterator[Problem]:
    """What is not there, each with its place. Of a child that is wrong in itself, nothing more is said."""
    here = str(getattr(spec, "name", "")) if place is None else place
    if isinstance(spec, ChildSpec):
        if not problems(spec):
            yield from _child_problems(spec, here)
    elif isinstance(spec, DynamicSpec):
        yield from environment_problems(spec.template, f"{here}.template")
    elif isinstance(spec, SupervisorSpec) and isinstance(spec.children, tuple):
        for child in spec.children:
            yield from environment_problems(child, f"{here}/{getattr(child, 'name', '')}")


def _child_problems(spec: ChildSpec, place: str) -> Iterator[Problem]:
    if spec.output.file is not None and (why := _why_no_output(spec.output.file)):
        yield Problem(f"{place}.output", why)
    if spec.cwd is not None and (why := _why_no_folder(spec.cwd)):
        yield Problem(f"{place}.cwd", why)
        return  # where programs are looked for depends on it
    steps = [(f".stop.steps[{i}]", step.command) for i, step in enumerate(spec.stop.steps) if isinstance(step, Run)]
    for suffix, command in [("", spec.command), *steps]:
        if why := _why_no_program(command[0], spec):
            yield Problem(f"{place}{suffix}.command", why)


def _why_no_output(file: str) -> str:
    path = Path(file)
    if path.is_dir():
        return f"{file!r} is a directory"
    if not path.parent.is_dir():
        return f"there is no directory {str(path.parent)!r} for the file {path.name!r}; make it before"
    target = path if path.exists() else path.parent
    return "" if os.access(target, os.W_OK) else f"{file!r} may not be written"


def _why_no_folder(cwd: str) -> str:
    if not os.path.lexists(cwd):
        return f"there is no {cwd!r}{_near_path(Path(cwd))}"
    if not os.path.isdir(cwd):
        return f"{cwd!r} is no directory"
    return "" if os.access(cwd, os.X_OK) else f"{cwd!r} may not be entered"


def _why_no_program(program: str, spec: ChildSpec) -> str:
    """Why *program* cannot be executed, looked for as the child would."""
    if os.sep in program:
        return _why_not_executable(Path(spec.cwd or ".", program), program)
    path = _environment(spec).get("PATH", os.defpath)
    folders = [os.path.join(spec.cwd or ".", folder) for folder in path.split(os.pathsep)]
    if shutil.which(program, path=os.pathsep.join(folders)):
        return ""
    for folder in folders:
        if os.path.isfile(os.path.join(folder, program)):
            return f"program {program!r} is in {folder}, but is not executable"
    return f"program {program!r} is not in the child's PATH{_hint(program, spec, folders)}"


def _why_not_executable(path: Path, program: str) -> str:
    if not os.path.lexists(path):
        return f"there is no program {program!r}{_near_path(path)}"
    if path.is_dir():
        return f"{program!r} is a directory"
    if not path.exists():
        return f"{program!r} is a link that leads nowhere"
    if os.access(path, os.X_OK):
        return _why_no_interpreter(path, program)
    return f"{program!r} is not executable{_how_to_execute(program)}"


def _why_no_interpreter(path: Path, program: str) -> str:
    """A script whose first line names a program that is not there cannot be executed, which the kernel tells badly."""
    try:
        with path.open("rb") as file:
            first = file.readline(256)
    except OSError:  # executable, but not to be read
        return ""
    words = first[2:].split() if first.startswith(b"#!") else []
    if not words or os.path.exists(words[0]):
        return ""
    return f"{program!r} is a script for {os.fsdecode(words[0])!r}, which is not there"


def _hint(program: str, spec: ChildSpec, folders: list[str]) -> str:
    file = Path(spec.cwd or ".", program)
    if file.is_file():
        how = f": write './{program}'" if os.access(file, os.X_OK) else _how_to_execute(program)
        return f"; there is such a file in its directory{how}"
    if " " in program:
        return f"; each argument is a string of its own: write {program.split()!r}"
    if near := difflib.get_close_matches(program, _programs(folders), n=1, cutoff=0.75):
        return f"; did you mean {near[0]!r}?"
    if shutil.which(program):
        return "; it is in ours, which the child does not have"
    return ""


def _how_to_execute(program: str) -> str:
    interpreted = f"write ['python', {program!r}], or " if program.endswith(".py") else ""
    return f"; {interpreted}make it executable with chmod +x"


def _programs(folders: list[str]) -> list[str]:
    return [name for folder in folders if os.path.isdir(folder) for name in os.listdir(folder)]


def _near_path(path: Path) -> str:
    if not path.parent.is_dir():
        return f"; there is no directory {str(path.parent)!r} either"
    near = difflib.get_close_matches(path.name, os.listdir(path.parent), n=1)
    return f"; did you mean {str(path.with_name(near[0]))!r}?" if near else ""


def _environment(spec: ChildSpec) -> Mapping[str, str]:
    return {**os.environ, **spec.env} if spec.inherit_env else spec.env
