"""What a launcher was asked for."""

from __future__ import annotations

from typing import Protocol

import attrs

from regrow._edge.notify import NotifyEnd
from regrow._specs.child import ChildSpec
from regrow._specs.protocol import Key, Report


class PulseEnd(Protocol):
    """Our end of a heartbeat pipe."""

    def begin(self) -> None:
        """The child has its end."""

    def read(self) -> float | None:
        """When it beat last, on the run's clock; `None`: never."""
        ...

    def close(self) -> None:
        """Nobody listens any more."""


@attrs.frozen(kw_only=True)
class Request:
    """One incarnation that is wanted."""

    key: Key
    spec: ChildSpec
    report: Report
    since: float
    """When it was asked for, on the run's clock."""

    notify: NotifyEnd | None = None
    """Where it says how it is, if it is expected to."""

    marks: dict[str, tuple[int, int, int, int]] = attrs.field(factory=dict)
    """What there was before the launch, where a file is waited for: by place, what tells one from another."""

    pulse: PulseEnd | None = None
    """The pipe that it beats through, if it is to."""

    def discard(self) -> None:
        """It is not going to run, or does not any more."""
        if self.pulse is not None:
            self.pulse.close()
        if self.notify is not None:
            self.notify.close()
