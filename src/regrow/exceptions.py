"""One tree of errors: each says who, what, which limit, and what to do.

Every error has a `code` and a `category` for callers that are not Python (a control socket, a log): the eight
documented kinds, and a few of a tree's own. What goes wrong *outside* (an exit, a hang, a command that cannot start)
is not raised but travels as an `Exit`; it becomes an error only where it leaves the tree towards a caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regrow._specs.check import Problem
    from regrow._specs.exit import Exit

__all__ = [
    "AlreadyRunningError",
    "InvalidSpecError",
    "InvalidStateError",
    "IoError",
    "OperationTimeoutError",
    "PlatformNotSupportedError",
    "ProcessNotFoundError",
    "RegrowError",
    "SpawnFailedError",
    "StartFailedError",
    "StateDirInUseError",
    "SupervisorEndedError",
    "SurvivorsLeftError",
    "TerminateFailedError",
    "TooManyRestartsError",
]


class RegrowError(Exception):
    """The root of the tree; never raised itself."""

    code: ClassVar[str] = "ERROR"
    """A word for programs, stable across releases."""

    category: ClassVar[str] = "Internal"
    """`Resource`, `Configuration`, `Timeout` or `Internal`."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, self.__dict__)


class InvalidSpecError(RegrowError, ValueError):
    """A spec, or a tree of them, cannot be run. Nothing was started.

    Attributes:
        problems: every problem that was found, each with its place in the tree.
    """

    code = "INVALID_SPEC"
    category = "Configuration"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "invalid spec" if count == 1 else f"invalid spec, {count} problems"
        lines = [str(problem) for problem in self.problems]
        super().__init__(f"{head}: {lines[0]}" if count == 1 else "\n  ".join([f"{head}:", *lines]))


class ProcessNotFoundError(RegrowError, LookupError):
    """No child or supervisor has this path, or a number is not the pid of one of ours."""

    code = "PROCESS_NOT_FOUND"
    category = "Resource"

    def __init__(self, path: str, hint: str = "") -> None:
        super().__init__(f"{path}: no such child{_and(hint)}")
        self.path = path


class AlreadyRunningError(RegrowError):
    """A start was asked for of something that runs, or an entry of that name is there already."""

    code = "ALREADY_RUNNING"
    category = "Resource"

    def __init__(self, path: str, state: str) -> None:
        super().__init__(f"{path}: already {state}")
        self.path = path
        self.state = state


class StateDirInUseError(AlreadyRunningError):
    """Another supervisor owns the state directory, and lives. Nothing was started, and nothing was touched.

    Attributes:
        path: the directory.
        pid: the process that owns it; `None` if it cannot be said which.
        since: when that began, in UTC; empty if it cannot be said.
    """

    def __init__(self, path: str, who: str, pid: int | None, since: str) -> None:
        when = f" since {since}" if since else ""
        hint = f"stop it first (kill {pid}), or use another directory" if pid else "use another directory"
        RegrowError.__init__(self, f"the state directory {path!r} is in use {who}{when}; {hint}")
        self.path = path
        self.state = "in use"
        self.pid = pid
        self.since = since


class InvalidStateError(RegrowError):
    """An operation does not fit the state that its target is in.

    Attributes:
        path: the child or supervisor.
        operation: what was asked for, such as `"delete"`.
        state: what the target was doing, such as `"restarting"`.
    """

    code = "INVALID_STATE"
    category = "Configuration"

    def __init__(self, path: str, operation: str, state: str, hint: str = "") -> None:
        super().__init__(f"{path}: cannot {operation} while {state}{_and(hint)}")
        self.path = path
        self.operation = operation
        self.state = state


class SupervisorEndedError(InvalidStateError):
    """A call reached a supervisor that has ended, or that is stopping."""

    def __init__(self, path: str, operation: str, state: str = "ended") -> None:
        super().__init__(path, operation, f"its supervisor has {state}" if state == "ended" else state)


class SpawnFailedError(RegrowError):
    """A program could not be executed at all.

    Attributes:
        path: the child.
        program: what should have been executed.
        cwd: where, or `None` for our own working directory.
        errno: the error number of the operating system, or `None` where there was none.
    """

    code = "SPAWN_FAILED"
    category = "Internal"

    def __init__(
        self,
        path: str,
        why: str,
        *,
        program: str = "",
        cwd: str | None = None,
        errno: int | None = None,
    ) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.program = program
        self.cwd = cwd
        self.errno = errno


class StartFailedError(SpawnFailedError):
    """A child did not become ready: not launched, died before it was ready, or not ready in time.

    Attributes:
        exit: the whole `Exit`, with the last lines of the child's standard error.
    """

    def __init__(self, path: str, exit: Exit, *, program: str = "", cwd: str | None = None) -> None:
        super().__init__(path, exit.describe(with_tail=True), program=program, cwd=cwd, errno=exit.errno)
        self.exit = exit


class TerminateFailedError(RegrowError):
    """A process, or a stray of it, is still there after the kill: it is *stuck*, such as in uninterruptible sleep."""

    code = "TERMINATE_FAILED"

    def __init__(self, path: str, pid: int | None, waited: float, why: str = "") -> None:
        what = why or f"process {pid} is still there {waited:g} s after the kill"
        super().__init__(f"{path}: {what}; nothing replaces it while it lives")
        self.path = path
        self.pid = pid
        self.why = why


class SurvivorsLeftError(TerminateFailedError):
    """Something has survived the last owner of the state directory, and cannot be ended. Nothing was started.

    Attributes:
        path: the state directory.
        processes: the pid of each process that is left, and why it is.
        groups: the path of each control group that is left, and why it is.
    """

    def __init__(self, path: str, processes: Mapping[int, str], groups: Mapping[str, str]) -> None:
        left = [f"process {pid}: {why}" for pid, why in processes.items()]
        left += [f"control group {group}: {why}" for group, why in groups.items()]
        what = "; ".join(left)
        RegrowError.__init__(
            self, f"the state directory {path!r}: what survived its last supervisor cannot be ended: {what}"
        )
        self.path = path
        self.pid = next(iter(processes), None)
        self.processes = dict(processes)
        self.groups = dict(groups)


class PlatformNotSupportedError(RegrowError):
    """This system cannot do what was asked; nothing was touched."""

    code = "PLATFORM_NOT_SUPPORTED"
    category = "Configuration"

    def __init__(self, what: str, platform: str, hint: str = "") -> None:
        super().__init__(f"{what}: not supported on {platform}{_and(hint)}")
        self.platform = platform


class OperationTimeoutError(RegrowError, TimeoutError):
    """Something did not happen within the seconds that it was given."""

    code = "TIMEOUT"
    category = "Timeout"

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(f"{what}: not within {seconds:g} s")
        self.seconds = seconds


class IoError(RegrowError, OSError):
    """An operation of the operating system failed that is not a launch; its `OSError` is the cause."""

    code = "IO_ERROR"

    def __init__(self, what: str, cause: OSError) -> None:
        super().__init__(f"{what}: {cause.strerror or cause}")
        self.errno = cause.errno
        self.__cause__ = cause


class TooManyRestartsError(RegrowError):
    """A supervisor has used up its restarts and gave up. Its children are already stopped.

    To the supervisor above, this is a crash. OTP: maximum intensity reached.

    Attributes:
        path: the supervisor that gave up; `.` is the root, which the message calls by its *name*.
        culprit: the path of the child whose exit was one too many.
        exit: that exit; if the culprit is a supervisor, `exit.error` tells its own story.
        restarts: the moments of the restarts that were used, in seconds before it gave up.
    """

    code = "TOO_MANY_RESTARTS"

    def __init__(  # noqa: PLR0913  # a story has many facts
        self, path: str, name: str, *, limit: str, culprit: str, exit: Exit, restarts: Sequence[float]
    ) -> None:
        ages = ", ".join(f"{age:.3g} s" for age in restarts)
        used = f"\n  restarts before it gave up, how long ago: {ages}" if ages else ""
        super().__init__(
            f"supervisor {name} gave up: {limit}; the last straw was {culprit}: {exit.describe(with_tail=True)}{used}"
        )
        self.path = path
        self.culprit = culprit
        self.exit = exit
        self.restarts = tuple(restarts)


def _and(hint: str) -> str:
    """A hint as the end of a message, if there is one."""
    return f"; {hint}" if hint else ""


def _rebuilt(kind: type[RegrowError], args: tuple[object, ...], facts: dict[str, object]) -> RegrowError:
    """A copy, for pickling: an error is its message and its facts, however it was made."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(facts)
    return error
