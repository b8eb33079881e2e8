"""The settings of a watchdog by other names, with their presets; each becomes a hang policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from regrow._specs import fields
from regrow._specs.activity import Source
from regrow._specs.check import Problem, gather, report
from regrow._specs.hang import HangPolicy

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_TIME: Any = fields.seconds(above=0, infinite=False)


def _check_level(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if value not in LEVELS:
        raise ValueError(f"{value!r} is not one of {', '.join(LEVELS)}")


@attrs.frozen(kw_only=True, field_transformer=gather)
class WatchdogConfig:
    """The settings of a watchdog, in seconds. `policy` makes a `HangPolicy` of them.

    A child is warned of after `process_timeout`, terminated `extra_buffer` later, and killed when the grace of its stop
    is over or after `max_hang_time`, whichever comes first, but never before it was asked to end.

    Raises:
        InvalidSpecError: when made, with every problem at once.
    """

    check_interval: float = attrs.field(default=1.0, converter=fields.to_seconds, validator=_TIME)
    """How much later than its threshold a hang may be noticed, where a source must be looked at for it."""

    process_timeout: float = attrs.field(default=30.0, converter=fields.to_seconds, validator=_TIME)
    """How long a child may be idle before it is warned of."""

    extra_buffer: float = attrs.field(
        default=5.0, converter=fields.to_seconds, validator=fields.seconds(infinite=False)
    )
    """How much longer before it is terminated."""

    max_hang_time: float = attrs.field(default=60.0, converter=fields.to_seconds, validator=_TIME)
    """How long it may be idle before it is killed, whatever the grace; not before it is terminated."""

    auto_kill: bool = attrs.field(default=True, validator=fields.flag)
    """False: it is never ended, only warned of: after `process_timeout`, and again after `max_hang_time`."""

    log_level: str = attrs.field(default="WARNING", validator=_check_level)
    """The least level of the watchdog's events that is to be logged: for the logger `regrow.watchdog`.

    A policy does not set it; whoever configures the logs does: `getLogger("regrow.watchdog").setLevel(log_level)`.
    """

    def __attrs_post_init__(self) -> None:
        report(self, "watchdog")

    def combinations(self) -> Iterator[Problem]:
        """What is impossible together."""
        if self.max_hang_time < self.process_timeout:
            yield Problem(".max_hang_time", f"must be at least the process_timeout, {self.process_timeout:g} s")

    def policy(self, activity: Source | None = None) -> HangPolicy:
        """What a child with these settings, and this *activity* as its signs of life, has as its `hang`."""
        terminate_after = self.process_timeout + self.extra_buffer
        return HangPolicy(
            warn_after=self.process_timeout,
            terminate_after=terminate_after if self.auto_kill else None,
            kill_after=max(terminate_after, self.max_hang_time) if self.auto_kill else self.max_hang_time,
            auto_kill=self.auto_kill,
            activity=activity,
            look_every=self.check_interval,
        )

    @classmethod
    def conservative(cls) -> WatchdogConfig:
        """Warn after a minute, terminate after 70 s."""
        return cls(check_interval=5.0, process_timeout=60.0, extra_buffer=10.0, max_hang_time=300.0)

    @classmethod
    def aggressive(cls) -> WatchdogConfig:
        """Warn after 10 s, terminate after 12 s."""
        return cls(check_interval=1.0, process_timeout=10.0, extra_buffer=2.0, max_hang_time=30.0)

    @classmethod
    def development(cls) -> WatchdogConfig:
        """Warn after 30 s and after two minutes; never end anything."""
        return cls(check_interval=2.0, process_timeout=30.0, extra_buffer=5.0, max_hang_time=120.0, auto_kill=False)

    @classmethod
    def ci(cls) -> WatchdogConfig:
        """Warn after 15 s, terminate after 18 s."""
        return cls(check_interval=1.0, process_timeout=15.0, extra_buffer=3.0, max_hang_time=60.0)

    @classmethod
    def production(cls) -> WatchdogConfig:
        """Warn after two minutes, terminate after two and a half."""
        return cls(check_interval=10.0, process_timeout=120.0, extra_buffer=30.0, max_hang_time=600.0)

    @classmethod
    def debug(cls) -> WatchdogConfig:
        """Warn after 5 s; never end anything."""
        return cls(check_interval=0.5, process_timeout=5.0, auto_kill=False)

    @classmethod
    def debug_slow(cls) -> WatchdogConfig:
        """The same after 10 s."""
        return cls(check_interval=0.5, process_timeout=10.0, auto_kill=False)

    @classmethod
    def fast(cls) -> WatchdogConfig:
        """Warn after 5 s, and a tenth of a second later at most."""
        return cls(check_interval=0.1, process_timeout=5.0)

    @classmethod
    def slow(cls) -> WatchdogConfig:
        """Warn after a minute, and 5 s later at most."""
        return cls(check_interval=5.0, process_timeout=60.0)
