"""A probe of readiness, asked again and again: whoever can do its work is alive."""

from __future__ import annotations

import trio

from regrow._edge.readying.scene import Scene
from regrow._edge.readying.waiting import see, words_of
from regrow._edge.sources.callback import Fail
from regrow._specs.activity import Probe


class Probing:
    """One probe, for one incarnation."""

    def __init__(self, spec: Probe, scene: Scene, fail: Fail) -> None:
        self.name = str(spec)
        self.at: float | None = None
        """When it was found able to work last, on the run's clock; `None`: never."""
        self._spec = spec
        self._scene = scene
        self._fail = fail

    async def look(self) -> None:
        """Ask it. Who does not answer in time shows no sign of life, and that is no fault of the probe."""
        with trio.move_on_after(self._spec.timeout):
            try:
                await see(self._spec.probe, self._scene)
            except Exception as error:  # noqa: BLE001  a probe may be anybody's
                self._fail(self.name, words_of(error))
            else:
                self.at = trio.current_time()
