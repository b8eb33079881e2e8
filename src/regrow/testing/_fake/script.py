"""What one incarnation of a fake does by itself, as a plain value."""

from __future__ import annotations

import attrs

from regrow._specs.exit import Usage
from regrow._specs.facts import NotLaunched
from regrow._specs.signals import to_signals
from regrow.testing._fake.family import Descendant


def _to_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


@attrs.frozen(kw_only=True)
class Script:
    """What one incarnation does by itself. By default it runs until it is told otherwise, and any signal ends it.

    Durations are seconds of trio's clock. One of 0 means at once, in the same step: `exit_after=0` ends it before its
    start has answered, `exit_after=0.001` after that.
    """

    launch_takes: float = 0.0
    """From the start until its program runs, or until the start is refused."""

    refuse: NotLaunched | None = None
    """The answer to its start, if it is not to be launched; then nothing else here has a meaning."""

    ready_after: float | None = None
    """From its launch until it is ready. `inf`: when told, by `become_ready()`.

    `None`: at once if its spec has no `ready`; when told if it has one, for the fake runs no probe.
    """

    exit_after: float | None = None
    """From its launch until it ends by itself; `None`: never."""

    exit_code: int = 0
    """What it exits with: by itself, after `stop_takes`, and at the end of its input."""

    die_of: str | None = None
    """The signal that ends it after `exit_after`, instead of the exit code."""

    strays: int = 0
    """How many descendants outlive it, and can be ended."""

    descendants: tuple[Descendant, ...] = attrs.field(default=(), converter=tuple[Descendant, ...])
    """Others that it has."""

    ignores: frozenset[str] = attrs.field(default=frozenset(), converter=to_signals)
    """Signals that do nothing to it: `"SIGTERM"`, or several."""

    hears: str = ""
    """What it prints when it hears a signal that it ignores, before the name of that."""

    stop_takes: float | None = None
    """From SIGTERM until it exits with `exit_code`; `None`: it dies of SIGTERM at once."""

    farewell: str = ""
    """What it prints at SIGTERM, if that is what `stop_takes` is about."""

    unkillable: bool = False
    """Whether even SIGKILL does nothing: it becomes stuck."""

    can_pause: bool = True
    """Whether it can be held still; false: as on a system that has no way to do that."""

    stdout: bytes = attrs.field(default=b"", converter=_to_bytes)
    """What it prints."""

    stderr: bytes = attrs.field(default=b"", converter=_to_bytes)
    """What it prints to its standard error."""

    prints_after: float = 0.0
    """From its launch until it prints."""

    beats_every: float | None = None
    """Seconds between two beats, from its launch on; `None`: it beats when it is told, by `beat()`."""

    beats_for: float = float("inf")
    """From its launch until it beats no more, though it runs: so it hangs."""

    serves: bytes | None = None
    """What it answers to who connects to one of the sockets of its spec; `None`: it accepts nobody."""

    usage: Usage = attrs.field(factory=Usage)
    """What it has used when it exits."""

    echoes: bool = False
    """Whether it prints what it reads, and exits with `exit_code` at the end of its input."""
