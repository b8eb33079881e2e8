"""The launcher for processes of this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial

import attrs

from regrow._edge.tuning import Tuning
from regrow._specs.child import ChildSpec
from regrow._specs.protocol import OpenLauncher
from regrow.exceptions import PlatformNotSupportedError

if sys.platform != "win32":
    from regrow._edge.abilities import missing
    from regrow._edge.cgroups.planting import are_usual
    from regrow._edge.guarded import level
    from regrow._edge.hatching import guardians
    from regrow._edge.opened import opened
    from regrow._edge.setup import PLAIN
    from regrow._edge.tools import Tools


@attrs.frozen(kw_only=True)
class LocalLauncher:
    """Runs processes here. See `protocol.Launcher`."""

    tuning: Tuning = attrs.field(factory=Tuning)

    @property
    def containment(self) -> str:
        """The layer that keeps the tree of a child in one place here, if nothing goes wrong when it is opened."""
        if sys.platform != "win32" and guardians(self.tuning):
            return level(PLAIN, has_leaf=are_usual(self.tuning))
        return "group"

    def check(self, spec: ChildSpec) -> Iterable[str]:
        """What of *spec* this machine cannot do."""
        if sys.platform == "win32":
            return ()
        return missing(spec, is_guarded=bool(guardians(self.tuning)))

    def open(self) -> AbstractAsyncContextManager[OpenLauncher]:
        """Make it ready. Leaving the block ends every process that it started, also when cancelled.

        Raises:
            PlatformNotSupportedError: on Windows.
        """
        if sys.platform != "win32":
            return opened(partial(Tools, self.tuning))
        raise PlatformNotSupportedError("running processes", sys.platform, "Windows comes later")
