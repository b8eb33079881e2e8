"""The launcher for processes of this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import attrs
from trio.lowlevel import enable_ki_protection

from regrow._edge.tuning import Tuning
from regrow._specs.child import ChildSpec
from regrow._specs.protocol import OpenLauncher

if sys.platform == "win32":
    from regrow._edge.windows.launcher import LEVEL, missing, open_jobs
else:
    from regrow._edge.cgroups.planting import are_usual
    from regrow._edge.guarding.guarded import level
    from regrow._edge.guarding.hatching import guardians
    from regrow._edge.opened import opened
    from regrow._edge.orders.abilities import missing
    from regrow._edge.orders.setup import PLAIN
    from regrow._edge.survivors.remembering import remembering
    from regrow._edge.tools import Tools


def _to_path(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)


@attrs.frozen(kw_only=True)
class LocalLauncher:
    """Runs processes here. See `protocol.Launcher`."""

    tuning: Tuning = attrs.field(factory=Tuning)

    state_dir: str | None = attrs.field(default=None, converter=_to_path)
    """A directory of its own, for one supervisor at a time: what runs is written down there, and what has survived is
    ended before anything is started. `None`: nothing is written down.
    """

    @property
    def containment(self) -> str:
        """The layer that keeps the tree of a child in one place here, if nothing goes wrong when it is opened."""
        here = "group"
        if sys.platform == "win32":
            here = LEVEL
        elif guardians(self.tuning):
            here = level(PLAIN, has_leaf=are_usual(self.tuning))
        return here

    def check(self, spec: ChildSpec) -> Iterable[str]:
        """What of *spec* this machine cannot do."""
        found: Iterable[str] = ()
        if sys.platform == "win32":
            found = missing(spec)
        else:
            found = missing(spec, is_guarded=bool(guardians(self.tuning)))
        return found

    def open(self) -> AbstractAsyncContextManager[OpenLauncher]:
        """Make it ready. Leaving the block ends every process that it started, also when cancelled.

        Raises:
            PlatformNotSupportedError: on Windows there is no state directory.
            StateDirInUseError: the owner of the state directory lives.
            SurvivorsLeftError: something that survived its last owner cannot be ended.
            IoError: there is no descriptor or no thread left, or the state directory cannot be used.
        """
        launcher: AbstractAsyncContextManager[OpenLauncher]
        if sys.platform == "win32":
            launcher = open_jobs(self.tuning, self.state_dir)
        else:
            launcher = _opened(self)
        return launcher


if sys.platform != "win32":

    @asynccontextmanager
    @enable_ki_protection
    async def _opened(launcher: LocalLauncher) -> AsyncIterator[OpenLauncher]:
        tuning = launcher.tuning
        async with (
            remembering(launcher.state_dir, with_pidfd=tuning.pidfd) as memory,
            opened(partial(Tools, tuning, memory)) as open_launcher,
        ):
            open_launcher.survivors = memory.ended
            yield open_launcher
