"""What a launcher was asked for."""

from __future__ import annotations

import attrs

from regrow._specs.child import ChildSpec
from regrow._specs.protocol import Key, Report


@attrs.frozen(kw_only=True)
class Request:
    """One incarnation that is wanted."""

    key: Key
    spec: ChildSpec
    report: Report
    since: float
    """When it was asked for, on the run's clock."""
