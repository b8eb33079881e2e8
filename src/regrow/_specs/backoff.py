"""How long to wait before a restart."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from regrow._specs import fields
from regrow._specs.check import Problem, gather, report


@attrs.frozen(kw_only=True, field_transformer=gather)
class Backoff:
    """How long to wait before each restart in a row, in seconds.

    The wait before restart n in a row is `initial * factor ** (n - 1 - immediate)`, at most `maximum`, and spread by
    `jitter`; the first `immediate` ones come without a wait. Retries of a failed start are restarts in the same row.
    """

    initial: float = attrs.field(
        default=0.2, converter=fields.to_seconds, validator=fields.seconds(above=0, infinite=False)
    )
    """The first wait."""

    factor: float = attrs.field(default=2.0, converter=fields.to_seconds, validator=fields.number(1))
    """How many times longer each further wait is."""

    maximum: float = attrs.field(
        default=30.0, converter=fields.to_seconds, validator=fields.seconds(above=0, infinite=False)
    )
    """No wait is longer than this, jitter included."""

    jitter: float = attrs.field(default=0.1, converter=fields.to_seconds, validator=fields.number(0, 1))
    """The share by which a wait may be shorter or longer, so that what died together does not come back together."""

    immediate: int = attrs.field(default=1, validator=fields.count(0))
    """How many restarts in a row come without a wait."""

    reset_after: float = attrs.field(default=10.0, converter=fields.to_seconds, validator=fields.seconds())
    """A child that was ready for this many seconds begins a new row when it dies."""

    give_up_after: int | None = attrs.field(default=None, validator=attrs.validators.optional(fields.count(1)))
    """How many attempts in a row are tried before the supervisor gives up; `None`: as many as `max_restarts` allows.

    It catches what a window cannot: a start that takes longer to fail than `window / max_restarts`.
    """

    def __attrs_post_init__(self) -> None:
        report(self, "backoff")

    def combinations(self) -> Iterator[Problem]:
        """What is impossible together."""
        if self.initial > self.maximum:
            message = f"must be at least initial ({self.initial:g}), not {self.maximum:g}"
            yield Problem(".maximum", message)
