"""A function that says when a child was last active. It may do what it likes: raise, lie, or never return."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable
from typing import Any

import trio

from regrow._specs.activity import Callback

Fail = Callable[[str, str], object]
"""Takes the name of a source, and why it has failed."""

_AHEAD = 1.0  # seconds by which a moment may be in the future: clocks are read one after the other
_NEARLY = 0.99  # of a timeout: trio's clock is another one
_FIRST_MOMENT = 1e9  # what is less is no time of day since 2001

_out: dict[Callback, float] = {}
"""Plain functions that are being called, and since when. A thread that hangs in one is not to become two."""


class Calling:
    """One callback, for one incarnation."""

    def __init__(self, spec: Callback, fail: Fail) -> None:
        self.name = str(spec)
        self.at: float | None = None
        """When it showed activity last, on the run's clock; `None`: never."""
        self._spec = spec
        self._fail = fail
        self._began_at = trio.current_time()
        self._last: float | None = None  # the value that later ones are compared with
        self._is_moment = False  # whether its values are times of day

    async def look(self) -> None:
        """Call it, and see what it says."""
        since = _out.get(self._spec)
        if since is not None and time.monotonic() - since > _NEARLY * self._spec.timeout:
            self._fail(self.name, f"has not returned for {time.monotonic() - since:.3g} s")
            return
        with trio.move_on_after(self._spec.timeout) as patience:
            try:
                self._judge(await self._call())
            except Exception as error:  # noqa: BLE001  it is anybody's
                self._fail(self.name, f"raised {error!r}")
        if patience.cancelled_caught:
            self._fail(self.name, f"did not return within {self._spec.timeout:g} s")

    async def _call(self) -> Any:
        function: Callable[[], Any] = self._spec.function
        if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
            return await function()
        _out.setdefault(self._spec, time.monotonic())
        limiter = trio.CapacityLimiter(1)  # its own: one that hangs takes nobody's place
        (value,) = await trio.to_thread.run_sync(self._call_plain, abandon_on_cancel=True, limiter=limiter)
        return await value if inspect.isawaitable(value) else value

    def _call_plain(self) -> tuple[Any]:
        try:
            return (self._spec.function(),)  # in a tuple, for trio takes a coroutine for a mistake
        finally:
            _out.pop(self._spec, None)

    def _judge(self, value: Any) -> None:
        if isinstance(value, bool):
            if value:
                self.at = trio.current_time()
        elif why := _lie(value):
            self._fail(self.name, why)
        elif self._last is None:
            self._begin(float(value))
        elif value != self._last:
            self._move(float(value))

    def _begin(self, value: float) -> None:
        """The first value: its age counts, once, if it is a moment; but nothing is older than the child."""
        self._last = value
        self._is_moment = value >= _FIRST_MOMENT
        age = (time.time() if self._is_moment else time.monotonic()) - value
        if self._is_moment and age < -_AHEAD:
            self._fail(self.name, f"returned a moment in {-age:.3g} s")
        else:
            own_age = trio.current_time() - self._began_at
            self.at = trio.current_time() - min(max(age, 0.0), own_age)

    def _move(self, value: float) -> None:
        """It has changed since the last look: whatever clock it is of, there was activity."""
        self._last = value
        if self._is_moment and (ahead := value - time.time()) > _AHEAD:
            self._fail(self.name, f"returned a moment in {ahead:.3g} s")
        else:
            self.at = trio.current_time()


def _lie(value: object) -> str:
    """Why *value* can be neither a moment nor a count."""
    if not isinstance(value, int | float):
        return f"returned {value!r}, which is no number"
    if not math.isfinite(value) or value < 0:
        return f"returned {value!r}, which is no moment"
    return ""
