"""How a child ended, and what that means to its supervisor."""

from __future__ import annotations

import enum

import attrs

from regrow._specs.facts import Evidence
from regrow._specs.signals import signal_number


class Reason(enum.StrEnum):
    """What an exit means to the supervisor. SEMANTICS: OTP's exit reasons, for processes."""

    NORMAL = "normal"
    """A good end: an exit code of `success_codes`, a signal of `success_signals`, or an auto-shutdown."""

    CRASHED = "crashed"
    """Any other exit code; any signal from elsewhere."""

    HUNG = "hung"
    """Our watchdog ended it."""

    OVER_LIMIT = "over_limit"
    """One of our resource policies ended it."""

    FAILED_TO_START = "failed_to_start"
    """It could not be launched, died before it was ready, or was not ready in time."""

    LOST = "lost"
    """Its machine, engine or guardian is gone."""

    STOPPED = "stopped"
    """We were stopping it, whatever the code or signal."""

    GAVE_UP = "gave_up"
    """A supervisor used up its restarts."""

    @property
    def is_abnormal(self) -> bool:
        """Whether a transient child comes back after it."""
        return self not in {Reason.NORMAL, Reason.STOPPED}


@attrs.frozen(kw_only=True)
class Usage:
    """What a process has used, descendants that it waited for included. POSIX: `getrusage`."""

    user: float = 0.0
    """CPU seconds in its own code."""

    system: float = 0.0
    """CPU seconds in the kernel."""

    max_rss: int = 0
    """The most memory that was resident at a time, in bytes; 0: not known, for it was no more than ours."""

    minor_faults: int = 0
    major_faults: int = 0

    memory_peak: int | None = None
    """The most memory that its whole process tree had at a time, in bytes; `None`: nobody has counted it."""

    tasks_peak: int | None = None
    """The most processes and threads that its tree had at a time; `None`: nobody has counted them."""


@attrs.frozen
class Exit:
    """How a child ended: `code` or `signal`, and what that means.

    Two exits are equal if reason, code and signal are; the rest is evidence.
    """

    reason: Reason
    """What it means."""

    code: int | None = attrs.field(default=None, kw_only=True)
    """The exit code, if the process ended by one."""

    signal: str | None = attrs.field(default=None, kw_only=True)
    """The name of the signal, if one ended the process."""

    why: str = attrs.field(default="", kw_only=True, eq=False)
    """In words, where code and signal do not say it: why the start failed, what was lost."""

    errno: int | None = attrs.field(default=None, kw_only=True, eq=False)
    """The error number, if the program could not be executed."""

    pid: int | None = attrs.field(default=None, kw_only=True, eq=False)
    """The process it was; a number of the past, never to be signalled."""

    killed: bool = attrs.field(default=False, kw_only=True, eq=False)
    """Whether we had to kill it: the steps of its stop were not enough."""

    core_dumped: bool = attrs.field(default=False, kw_only=True, eq=False)
    """Whether the kernel says that it wrote a core."""

    oom_killed: bool = attrs.field(default=False, kw_only=True, eq=False)
    """Whether the kernel killed it for want of memory, as far as that can be known."""

    strays: int = attrs.field(default=0, kw_only=True, eq=False)
    """How many descendants outlived it, and were ended."""

    usage: Usage | None = attrs.field(default=None, kw_only=True, eq=False)
    """What it used."""

    ran_for: float | None = attrs.field(default=None, kw_only=True, eq=False)
    """Seconds from its launch to its end."""

    healthy_for: float = attrs.field(default=0.0, kw_only=True, eq=False)
    """Seconds from ready to its end; 0 if it never was."""

    tail: tuple[str, ...] = attrs.field(default=(), kw_only=True, eq=False)
    """The last lines of its standard error, at most 20."""

    was_refused: bool = attrs.field(default=False, kw_only=True, eq=False)
    """Whether its start was refused for want of capacity: not its own fault, so not counted."""

    loss: str | None = attrs.field(default=None, kw_only=True, eq=False)
    """What was lost, if its reason is `LOST`: all children that were lost with it are one restart."""

    left: tuple[str, ...] = attrs.field(default=(), kw_only=True, eq=False)
    """The paths of what was stuck below it, if it was a supervisor: still there after the kill."""

    error: Exception | None = attrs.field(default=None, kw_only=True, eq=False)
    """The whole story, if it was a supervisor that gave up or failed to start."""

    evidence: Evidence | None = attrs.field(default=None, kw_only=True, eq=False)
    """What it was doing when our watchdog, or a limit, decided to end it."""

    @property
    def returncode(self) -> int | None:
        """The code, or the negative number of the signal, as `subprocess` has it."""
        if self.signal is not None and (number := signal_number(self.signal)):
            return -number
        return self.code

    def _notes(self) -> str:
        return ", core dumped" * self.core_dumped + ", out of memory" * self.oom_killed

    def describe(self, *, with_tail: bool = False) -> str:
        """In words: `crashed (SIGKILL)`, `failed to start: ...`; *with_tail* adds the last lines of stderr."""
        words = self.reason.value.replace("_", " ")
        if self.signal is not None or self.code is not None:
            words += f" ({self.signal or f'exit code {self.code}'}{self._notes()})"
        if self.why:
            words += f": {self.why}"
        if self.error is not None:
            words += f": {self.error}".replace("\n", "\n  ")
        if with_tail and self.tail:
            words += "\n  its last lines on standard error:" + "".join(f"\n  | {line}" for line in self.tail)
        return words
