"""Signals by name: numbers differ between machines, so specs and exits carry names."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable
from typing import cast

_REALTIME = re.compile(r"SIGRTMIN(?:\+(\d+))?\Z")


def signal_name(number: int) -> str:
    """The name of signal *number*: `SIGTERM`, `SIGRTMIN+3`, or `SIG77` where there is none."""
    first: int | None = getattr(signal, "SIGRTMIN", None)
    if first is not None and number > first:
        return f"SIGRTMIN+{number - first}"
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def signal_number(name: str) -> int | None:
    """The number of signal *name* here, or `None` if this system has no such signal."""
    if match := _REALTIME.match(name):
        return _realtime(int(match[1] or 0))
    try:
        return signal.Signals[name].value
    except KeyError:
        return None


def to_signal(value: str | int) -> str:
    """A converter: `15`, `signal.SIGTERM`, `"TERM"` and `"SIGTERM"` are all `"SIGTERM"`."""
    if isinstance(value, int):
        return signal_name(value)
    return value if str(value).startswith("SIG") else f"SIG{value}"


def to_signals(value: Iterable[str | int] | str | int) -> frozenset[str]:
    """A converter for a set of signals; a single one counts as a set of one."""
    if isinstance(value, int | str):
        value = [value]
    try:
        return frozenset(to_signal(item) for item in value)
    except TypeError:
        return cast("frozenset[str]", value)  # for a validator to refuse


def _realtime(offset: int) -> int | None:
    first: int | None = getattr(signal, "SIGRTMIN", None)
    last: int | None = getattr(signal, "SIGRTMAX", None)
    if first is None or last is None or first + offset > last:
        return None
    return first + offset
