"""`regrow run`: run a tree, and print what happens to it."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from typing import TextIO, TypeVar

import attrs
import trio

from regrow._cli.check import exit_code, told
from regrow._cli.finding import TargetError
from regrow._cli.target import load
from regrow._edge.local import LocalLauncher
from regrow._run import run_to_end
from regrow._sinks.json_lines import JsonFormat
from regrow._sinks.print import Format, PrintSink
from regrow._sinks.text import TextFormat
from regrow._specs.check import problems
from regrow._specs.child import ChildSpec
from regrow._specs.output import OutputTo
from regrow._specs.protocol import Stream
from regrow._specs.supervisor import AnySpec, AnySupervisorSpec, SupervisorSpec
from regrow.exceptions import InvalidSpecError

_Spec = TypeVar("_Spec", bound=AnySpec)


def run(
    target: str,
    *,
    as_json: bool = False,
    in_color: bool = True,
    is_verbose: bool = False,
    state_dir: str | None = None,
) -> int:
    """Load *target* and run it to its end; the exit code says how it ended."""
    launcher = LocalLauncher(state_dir=state_dir)
    try:
        spec = load(target)
    except TargetError as error:
        return _refuse(f"regrow: {error}", exit_code(error))
    if found := problems(spec):
        return _refuse(told(target, found), 1)
    if as_json:
        return _print_run(spec, launcher, JsonFormat())
    colored = frozenset(stream for stream, file in _files() if in_color and _wants_color(file))
    return _print_run(spec, launcher, TextFormat(spec, colored=colored, is_verbose=is_verbose))


def announcing_output(spec: _Spec) -> _Spec:
    """The same, but what would go to our own output as it comes is announced line by line."""
    if isinstance(spec, ChildSpec):
        if spec.output.to is not OutputTo.INHERIT:
            return spec
        return attrs.evolve(spec, output=attrs.evolve(spec.output, to=OutputTo.EVENTS))
    if isinstance(spec, SupervisorSpec):
        return attrs.evolve(spec, children=[announcing_output(child) for child in spec.children])
    return attrs.evolve(spec, template=spec.template and announcing_output(spec.template))


def _print_run(spec: AnySupervisorSpec, launcher: LocalLauncher, look: Format) -> int:
    for _, file in _files():
        file.flush()  # what was printed while loading comes first
    with closing(PrintSink(look, stdout=sys.stdout, stderr=sys.stderr)) as printer:
        code, errors = _run(spec, launcher, printer)
        for error in errors:
            printer.error(error)
    return code


def _run(spec: AnySupervisorSpec, launcher: LocalLauncher, printer: PrintSink) -> tuple[int, list[Exception]]:
    try:
        return trio.run(run_to_end, announcing_output(spec), launcher, [printer])
    except InvalidSpecError as error:  # there is something in it that the launcher can never do
        return 1, [error]


def _refuse(words: str, code: int) -> int:
    print(words, file=sys.stderr)
    return code


def _files() -> list[tuple[Stream, TextIO]]:
    """Our streams that are not closed."""
    files: list[tuple[Stream, TextIO | None]] = [(Stream.STDOUT, sys.stdout), (Stream.STDERR, sys.stderr)]
    return [(stream, file) for stream, file in files if file is not None]


def _wants_color(file: TextIO) -> bool:
    """Whether *file* is a terminal whose user has not asked for peace. See https://no-color.org."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and file.isatty()
