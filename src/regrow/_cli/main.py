"""The command `regrow`: what its words mean. Whatever a word needs is imported only when it is used."""

from __future__ import annotations

import argparse
import os
import signal
import sys

TYPE_CHECKING = False  # `typing` takes as long to import as all that `--help` needs
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

EX_UNAVAILABLE = 69
"""BSD: sysexits."""

_TARGET = """\
where the tree is:
  FILE.py               the only SupervisorSpec or DynamicSpec at its top level, or the one called tree, app or spec
  FILE.py:ATTRIBUTE     this spec, or a function without arguments that returns it
  MODULE:ATTRIBUTE      the same in a module, looked for here and where Python looks
"""

_RUN = f"""{_TARGET}
The tree runs until it ends by itself or is told to stop: Ctrl-C (SIGINT), SIGTERM and SIGHUP stop it in reverse order,
within its graces; a second one kills what is left. What its children print goes to standard output and standard error,
each line with the name of its child in front; what happens to them goes to standard error.

A guard is the parent of all of it: it forwards signals, reaps whoever has lost its parents, ends as the tree has ended,
and leaves nothing behind. Process 1 of a container needs one, and has one by itself.

exit codes:
  0      it was asked to stop, or shut itself down after a good end
  69     it could not start
  70     it gave up: too many restarts
  130    a second Ctrl-C killed it (143: a second SIGTERM)
  1, 2   it is wrong, nothing was started: see `regrow check`
  other  the code of the significant child that shut it down
"""

_CHECK = f"""{_TARGET}
Says everything that is wrong, at once, and starts nothing: whatever cannot be run at all, and what is not there on this
machine (programs, directories).

exit codes:
  0      it can be run; its outline is printed
  1      something is wrong with it
  2      there is no such file, module or attribute
"""


_SIMULATE = f"""{_TARGET}
Runs the real supervisors on a clock that jumps, with processes that fail by chance, and prints restarts per hour and
availability of each child, and how often each supervisor gives up. It starts no process. Say who fails, and how:

  --fail 'web/*=3600'           on average once an hour, from ready to the crash
  --fail 'web/*=3600,2'         it takes two seconds to become ready
  --fail 'web/*=3600,2,0.01'    one start in a hundred fails

The first pattern that fits a path counts; whom none fits never fails.

exit codes:
  0      it was simulated
  1      something is wrong with the tree or the numbers
  2      there is no such file, module or attribute
"""

_DOCTOR = """\
Nothing is believed that can be tried: guardians are executed, a control group is made and removed, and a process is
given a pid namespace and given up. Nothing is left behind.

exit codes:
  0      nothing survives the supervisor here
  1      there are only process groups here: what leaves them, and all of it if the supervisor is killed, survives
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; the exit code says how it ended."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.work(arguments)
        print(end="", flush=True)
    except KeyboardInterrupt:  # while loading: a tree that runs takes it as an order to stop
        return 128 + signal.SIGINT
    except BrokenPipeError:  # nobody reads our output any more, and Python is not to complain of that at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="regrow",
        description="Runs processes in a supervision tree: in order, until it ends; what dies comes back.",
    )
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_run(_command(commands, "run", "run a tree until it ends, or until Ctrl-C", _RUN))
    _add_check(_command(commands, "check", "say what is wrong with a tree, and start nothing", _CHECK))
    _add_simulate(_command(commands, "simulate", "say what a tree does under given failure rates", _SIMULATE))
    _add_doctor(_command(commands, "doctor", "say what this machine gives, and what is missing", _DOCTOR))
    version = commands.add_parser("version", help="show the version")
    version.set_defaults(work=_version)
    return parser


def _command(commands: Any, name: str, summary: str, epilog: str) -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", epilog=epilog, formatter_class=raw
    )
    return parser


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="FILE.py, FILE.py:ATTRIBUTE or MODULE:ATTRIBUTE")


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_target(parser)
    parser.add_argument(
        "--guard",
        action=argparse.BooleanOptionalAction,
        help="have a process above the tree that does what process 1 has to (default: if it is process 1)",
    )
    parser.add_argument(
        "--state-dir",
        metavar="DIR",
        help="remember there what runs; what has survived is ended first, and a second tree with it refused",
    )
    parser.add_argument("--log-format", choices=["text", "json"], default="text", help="lines for people, or JSON")
    parser.add_argument("--no-color", action="store_true", help="no colours; NO_COLOR=1 does the same")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell of every event")
    parser.set_defaults(work=_run)


def _add_check(parser: argparse.ArgumentParser) -> None:
    _add_target(parser)
    parser.set_defaults(work=_check)


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    _add_target(parser)
    parser.add_argument(
        "--fail",
        metavar="PATTERN=EVERY",
        action="append",
        required=True,
        help="who fails, and how often; may be given many times",
    )
    parser.add_argument(
        "--duration", metavar="SECONDS", type=float, default=86_400.0, help="of each run (default: a day)"
    )
    parser.add_argument("--runs", metavar="N", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="another one is another course of events")
    parser.set_defaults(work=_simulate)


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the same for programs")
    parser.set_defaults(work=_doctor)


def _run(arguments: argparse.Namespace) -> int:
    is_first = sys.platform == "linux" and os.getpid() == 1
    if arguments.guard or (is_first and arguments.guard is None):
        _be_guarded()
    from regrow._cli.run import run

    return run(
        arguments.target,
        as_json=arguments.log_format == "json",
        in_color=not arguments.no_color,
        is_verbose=arguments.verbose,
        state_dir=arguments.state_dir,
    )


def _be_guarded() -> None:
    """Go on as the child of a guard. As little as possible is loaded by now: the guard keeps it."""
    if sys.platform == "linux":
        from regrow._edge.guard import guard

        try:
            guard()
        except OSError as error:
            raise SystemExit(_refuse(f"--guard: {error.strerror}", EX_UNAVAILABLE)) from None
    else:
        raise SystemExit(_refuse(f"--guard: not supported on {sys.platform}", 2))


def _refuse(words: str, code: int) -> int:
    print(f"regrow: {words}", file=sys.stderr)
    return code


def _check(arguments: argparse.Namespace) -> int:
    from regrow._cli.check import check

    return check(arguments.target)


def _simulate(arguments: argparse.Namespace) -> int:
    from regrow._cli.simulate import simulate

    return simulate(
        arguments.target, arguments.fail, duration=arguments.duration, runs=arguments.runs, seed=arguments.seed
    )


def _doctor(arguments: argparse.Namespace) -> int:
    from regrow._cli.doctor import doctor

    return doctor(as_json=arguments.json)


def _version(arguments: argparse.Namespace | None = None) -> int:
    from importlib.metadata import version

    print(f"regrow {version('regrow')} on Python {sys.version.split()[0]}")
    return 0


class _Version(argparse.Action):
    """`--version`: reads the version only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, **settings: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **settings)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        _version()
        parser.exit()
