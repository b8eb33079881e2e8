"""What to run: one child."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from regrow._specs import fields
from regrow._specs.backoff import Backoff
from regrow._specs.check import Problem, gather, report
from regrow._specs.combined import KINDS, ReadySpec, is_plain, ready_problems
from regrow._specs.containment import Containment, Strays, strays, to_containment, to_strays
from regrow._specs.hang import Hang, HangPolicy, check_hang
from regrow._specs.limit import Limit, RestartAbove, WarnAbove, to_limits
from regrow._specs.mappings import Environment
from regrow._specs.output import OutputPolicy, to_output
from regrow._specs.settings import Settings
from regrow._specs.signals import to_signals
from regrow._specs.stop import CloseStdin, Stop, to_stop

_OF_SOCKETS = {"LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID"}


class Restart(enum.StrEnum):
    """When a child that ended by itself comes back. OTP's restart types."""

    PERMANENT = "permanent"
    """Always."""

    TRANSIENT = "transient"
    """Unless it ended well; then it stays down and keeps its entry."""

    TEMPORARY = "temporary"
    """Never; its entry is forgotten."""


class Stdin(enum.StrEnum):
    """What a child reads."""

    NULL = "null"
    """Nothing: `/dev/null`."""

    PIPE = "pipe"
    """What its handle writes."""


def to_restart(value: Restart | str) -> Restart:
    """A converter: the word is as good as the member."""
    return fields.member(Restart, value)


def _to_stdin(value: Stdin | str) -> Stdin:
    return fields.member(Stdin, value)


@attrs.frozen(kw_only=True, field_transformer=gather)
class ChildSpec(Settings):
    """What to run, when it is ready, when it comes back, and how it is stopped.

    Plain data, except for a `ready` that holds a function, and for `fds`: such a spec is *local only*.

    Raises:
        InvalidSpecError: when made, with every problem at once.
    """

    name: str = attrs.field(validator=fields.name)
    """What it is called among its siblings: 1 to 100 letters, digits and `._@:-`."""

    command: tuple[str, ...] = attrs.field(converter=fields.to_arguments, validator=fields.arguments)
    """The program, looked up in the child's `PATH` if it has no slash, and its arguments. No shell."""

    cwd: str | None = attrs.field(
        default=None, converter=fields.to_text, validator=attrs.validators.optional(fields.text)
    )
    """The directory it starts in; `None`: ours."""

    env: Mapping[str, str] = attrs.field(
        factory=Environment, converter=fields.to_environment, validator=fields.environment
    )
    """Variables of its environment, merged over ours. The names are shown in events, the values never."""

    inherit_env: bool = attrs.field(default=True, validator=fields.flag)
    """False: the environment is exactly `env` (and `REGROW_PATH`, `REGROW_INCARNATION`)."""

    restart: Restart = attrs.field(
        default=Restart.PERMANENT,
        converter=to_restart,
        validator=fields.one_of(Restart),
    )
    """When it comes back after it ended by itself."""

    significant: bool = attrs.field(default=False, validator=fields.flag)
    """Whether its end may end its supervisor (see `SupervisorSpec.auto_shutdown`)."""

    autostart: bool = attrs.field(default=True, validator=fields.flag)
    """False: it stays down until somebody starts it."""

    stop: Stop = attrs.field(
        factory=Stop, converter=to_stop, validator=fields.instance((Stop,), "a Stop, seconds or 'kill'")
    )
    """How it is stopped. A number is the grace of the default ladder; `"kill"`: without asking."""

    containment: Containment = attrs.field(
        default=Containment.AUTO, converter=to_containment, validator=fields.one_of(Containment)
    )
    """How surely its process tree is kept in one place; what cannot be had is refused."""

    strays: Strays = attrs.field(default=0.0, converter=to_strays, validator=strays)
    """Seconds that strays may go on after the main process has ended by itself; `"keep"`: they are left alone."""

    success_codes: frozenset[int] = attrs.field(
        default=frozenset({0}), converter=fields.to_codes, validator=fields.exit_codes
    )
    """Exit codes that count as a good end."""

    success_signals: frozenset[str] = attrs.field(default=frozenset(), converter=to_signals, validator=fields.signals)
    """Signals that count as a good end."""

    backoff: Backoff | None = attrs.field(
        factory=Backoff, validator=fields.instance((Backoff, type(None)), "a Backoff or None")
    )
    """The waits before its restarts; `None`: no wait, as OTP."""

    ready: ReadySpec | None = attrs.field(
        default=None,
        validator=fields.instance((*KINDS, type(None)), "a probe, such as TcpPort(8000)"),
    )
    """How to see that it is ready; `None`: it is ready when its program runs."""

    start_timeout: float = attrs.field(default=30.0, converter=fields.to_seconds, validator=fields.seconds(above=0))
    """Seconds from the request to launch it until it must be ready; `inf`: no limit."""

    stdin: Stdin = attrs.field(default=Stdin.NULL, converter=_to_stdin, validator=fields.one_of(Stdin))
    """What it reads."""

    output: OutputPolicy = attrs.field(
        factory=OutputPolicy,
        converter=to_output,
        validator=fields.instance((OutputPolicy,), "an OutputPolicy or the word of one"),
    )
    """Where what it prints goes, besides the tail."""

    limits: tuple[Limit, ...] = attrs.field(
        default=(),
        converter=to_limits,
        validator=fields.each((RestartAbove, WarnAbove), "a RestartAbove or a WarnAbove"),
    )
    """How much it may use, and what happens when it uses more. One sample a second is taken of a child that has any."""

    hang: Hang | None = attrs.field(default=None, validator=check_hang)
    """How long it may be idle, and what is done then; `None`: as its supervisor's `hang` says; `"never"`: for ever."""

    def __attrs_post_init__(self) -> None:
        report(self, str(self.name))

    def combinations(self) -> Iterator[Problem]:
        """What is impossible together."""
        yield from entry_problems(self)
        yield from super().combinations()
        yield from ready_problems(self)
        if self.strays == "keep" and self.containment is Containment.PROVEN:
            yield Problem(".strays", "'keep' leaves processes behind, and containment='proven' that nothing is left")
        if self.sockets and (names := sorted(_OF_SOCKETS & set(self.env))):
            yield Problem(".env", f"{', '.join(names)} is set by the launcher, for the sockets")
        if self.stdin is not Stdin.PIPE and any(isinstance(step, CloseStdin) for step in self.stop.steps):
            yield Problem(".stop", "closes stdin, which is no pipe; write stdin='pipe'")

    @property
    def is_local_only(self) -> bool:
        """Whether it holds something that cannot travel to another machine, such as a function or an open file."""
        has_function = isinstance(self.hang, HangPolicy) and self.hang.is_local_only
        return bool(self.fds) or has_function or not is_plain(self.ready)


def entry_problems(spec: Any) -> Iterator[Problem]:
    """What is impossible together in the fields that every kind of child has."""
    if spec.significant and spec.restart is Restart.PERMANENT:
        yield Problem(".significant", "a permanent child always comes back, so its end cannot be significant")
