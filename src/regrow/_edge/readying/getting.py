"""One child on its way to be ready: from its launch until it is, or dies, or its time is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import attrs
import trio
from trio.lowlevel import enable_ki_protection

from regrow._edge.errand import Errand
from regrow._edge.holding import Spawned
from regrow._edge.readying.files import mark
from regrow._edge.readying.lines import Lines
from regrow._edge.readying.patience import Patience
from regrow._edge.readying.scene import Scene
from regrow._edge.readying.waiting import Waiting
from regrow._edge.request import Request
from regrow._edge.workshop import Workshop
from regrow._specs.child import ChildSpec
from regrow._specs.combined import leaves
from regrow._specs.protocol import Awaiting, Fact, Remark, Target
from regrow._specs.readiness import FileExists, Notified, OutputLine

RunErrand = Callable[[Sequence[str], Callable[[Errand], None]], Errand]


class GettingReady:
    """Made before anything of the child is read, begun when it is launched."""

    __slots__ = ("_lines", "_patience", "_remarks", "_scope", "_waiting", "request")

    def __init__(self, tools: Workshop, request: Request, spawned: Spawned, run_errand: RunErrand) -> None:
        awaited = [leaf for leaf in leaves(request.spec.ready) if isinstance(leaf, OutputLine)]
        self._lines = Lines(awaited, request.report) if awaited else None
        self.request = attrs.evolve(request, report=self._lines.report) if self._lines else request
        """The same, but what is reported of its output is looked at on its way."""
        self._scope = trio.CancelScope()
        self._patience = Patience(request.since + request.spec.start_timeout)
        self._remarks = set[str]()
        scene = attrs.evolve(make_scene(tools, request, spawned, run_errand), lines=self._lines, remark=self._remark)
        assert request.spec.ready is not None
        self._waiting = Waiting(request.spec.ready, scene, self._patience, self._await)

    def begin(self) -> None:
        """It is launched: say what it still takes."""
        notify = self.request.notify
        if notify is not None:
            notify.heard.when_extended = self._patience.extend
        self._waiting.begin()

    @enable_ki_protection
    async def run(self) -> None:
        """Report when it is ready, or is not going to be; nothing, if it is over before."""
        with self._scope:
            self._report(await self._waiting.run(self.request.spec.start_timeout))
            self._relax()

    def end(self) -> None:
        """It is dead: nothing more is reported."""
        self._scope.cancel()
        self._relax()

    def hold(self) -> None:
        """It is paused, and its time holds."""
        self._patience.hold()

    def go_on(self) -> None:
        """It goes on, and so does its time."""
        self._patience.go_on()

    def _relax(self) -> None:
        if self._lines is not None:
            self._lines.close()
        if self.request.notify is not None:
            self.request.notify.heard.when_extended = None
            self.request.notify.relax()

    def _report(self, fact: Fact) -> None:
        if not self._scope.cancel_called:
            self.request.report(fact)

    def _await(self, what: str) -> None:
        self._report(Awaiting(what))

    def _remark(self, text: str) -> None:
        if text not in self._remarks:
            self._remarks.add(text)
            self._report(Remark(text, is_answer=True))


def make_scene(tools: Workshop, request: Request, spawned: Spawned, run_errand: RunErrand) -> Scene:
    """What a probe of this child has to do with."""
    hold = spawned.hold
    is_guarded = hold.containment.startswith("guardian")
    return Scene(
        target=Target(request.key, hold.pid),
        look=tools.look,
        run=partial(_run, run_errand),
        remark=_ignore,
        cwd=request.spec.cwd,
        shim=spawned.parent if is_guarded else None,
        is_namespace=hold.containment.endswith("namespace"),
        is_given=bool(request.spec.sockets or request.spec.fds),
        heard=None if request.notify is None else request.notify.heard,
        marks=request.marks,
    )


def is_prompt(spec: ChildSpec) -> bool:
    """Whether to hear at once what it says."""
    return any(isinstance(leaf, Notified) for leaf in leaves(spec.ready))


def look_before(request: Request) -> Callable[[], None] | None:
    """What to look at before the launch, in a thread; `None`: nothing."""
    awaited = [leaf for leaf in leaves(request.spec.ready) if isinstance(leaf, FileExists) and leaf.fresh]
    if not awaited:
        return None
    return lambda: request.marks.update(mark(awaited, request.spec.cwd))


def _run(run_errand: RunErrand, command: Sequence[str]) -> Errand:
    return run_errand(command, _ignore)


def _ignore(_: object) -> None:
    """Nobody wants to know."""
