"""A child behind guardians: they hold its whole tree for us, and tell when nothing of it is left."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import signal
from collections.abc import Callable

import attrs

from regrow._edge.cgroups.counting import NOTHING, Counted
from regrow._edge.cgroups.leaves import Leaf
from regrow._edge.guardian import records, wire
from regrow._edge.guardian.records import Record
from regrow._edge.guarding.nest import Nest
from regrow._edge.holding import Ending
from regrow._edge.orders.order import Order
from regrow._edge.orders.setup import Setup
from regrow._edge.signalled import Signalled
from regrow._specs.exit import Usage
from regrow._specs.protocol import Evidence
from regrow._specs.signals import signal_name
from regrow._specs.stop import To

_TO = {To.MAIN: wire.To.MAIN, To.GROUP: wire.To.GROUP, To.TREE: wire.To.TREE}


class Guarded(Signalled):
    """A child of a shim, from its launch until its tree is gone. See `holding.Hold` and `nest.Ward`."""

    __slots__ = (
        "_complain",
        "_done",
        "_ended",
        "_id",
        "_is_gone",
        "_is_kept",
        "_is_losing",
        "_is_reaped",
        "_leaf",
        "_lost",
        "_may_linger",
        "_nest",
        "_patience",
        "_pid",
        "_tell",
        "_trouble",
        "_was_killed",
        "containment",
    )  # fmt: skip

    def __init__(self, nest: Nest, child: int, order: Order, launched: records.Launched, leaf: Leaf | None) -> None:
        self._pid = launched.pid
        self.containment = level(order.setup, has_leaf=leaf is not None)
        self._leaf = leaf  # until nothing is in it any more
        self._patience = order.kill_wait
        self._nest = nest
        self._id = child
        self._is_kept = order.strays == "keep"
        self._may_linger = order.strays != 0
        self._was_killed = False
        self._ended: records.Exited | records.Gone | None = None  # how its main process has
        self._is_gone = False  # nothing of its tree is left, or nothing more will be told
        self._lost: tuple[str, str] | None = None
        self._is_losing = False  # nothing more will be told, and its control group is being emptied
        self._is_reaped = False
        self._trouble = ""  # why its tree does not end
        self._tell: Callable[[], None] | None = None
        self._done: Callable[[int], None] | None = None
        self._complain: Callable[[str], None] | None = None

    # -- nest.Ward: what its guardians say -----------------------------------------------------------------------------

    def hear(self, record: Record) -> None:
        """Its guardians say this of it."""
        match record:
            case records.Exited():
                self._ended = record
                if not self._is_their_end(record):
                    self._be_dead()
            case records.Gone():
                self._ended = record
                self._be_gone()
            case records.OutOfReach(pid=pid):
                who = "its main process" if pid == self.pid else f"process {pid}, which it has started,"
                self._have_trouble(f"out of reach: {who} has become another user's, and is not ours to end")
            case records.Stuck(count=count):
                self._have_trouble(f"{count} of its processes are still there after the kill")
            case records.Lost():
                self.lose("its guardian was killed, and it with it", f"guardian of {self.pid}")
            case _:
                pass

    def lose(self, why: str, loss: str) -> None:
        """Nothing more will be told."""
        if self._is_gone:
            return
        self._lost = why, loss
        if self._leaf is None:
            self._be_gone()
        elif not self._is_losing:
            self._is_losing = True
            self._leaf.end(self._be_gone, self._outlast, self._patience)

    def _outlast(self) -> None:
        """It has lost its guardian, and something in its control group does not end."""
        self._be_dead()
        self._have_trouble("its guardian is gone, and something in its control group is still there after the kill")

    def _is_their_end(self, record: records.Exited) -> bool:
        """Whether it was killed by a guardian that had lost the nest: then it is lost, and not a crash of its own."""
        was_killed = os.WIFSIGNALED(record.status) and os.WTERMSIG(record.status) == signal.SIGKILL
        if was_killed and not record.was_stopped and not self._was_killed and self._nest.has_died():
            self._lost = "its guardian is gone, and it with it", self._nest.name
        return self._lost is not None

    def _be_dead(self) -> None:
        if self._tell is not None:
            tell, self._tell = self._tell, None
            tell()

    def _be_gone(self) -> None:
        self._is_gone = True
        self._nest.forget(self._id)
        self._be_dead()
        if self._done is not None:
            done, self._done = self._done, None
            done(self._strays)
        self._drop_leaf()

    def _drop_leaf(self) -> None:
        if self._leaf is not None and self._is_gone and self._is_reaped:
            leaf, self._leaf = self._leaf, None
            leaf.drop()

    @property
    def _strays(self) -> int:
        return self._ended.strays if isinstance(self._ended, records.Gone) else 0

    def _have_trouble(self, why: str) -> None:
        self._trouble = why
        if self._complain is not None and not self._is_gone:
            complain, self._complain = self._complain, None
            complain(why)

    # -- holding.Hold --------------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The number of its main process."""
        return self._pid

    def watch(self, tell: Callable[[], None]) -> None:
        """Call *tell*, once, when the main process is dead."""
        self._tell = tell
        if self._has_ended():
            self._be_dead()

    def hurry(self) -> None:
        """Its shim tells its end as soon as it can be told."""

    def is_dead(self) -> bool:
        """Whether the main process is known to be dead, or lost."""
        self._nest.catch_up()
        return self._has_ended()

    def _has_ended(self) -> bool:
        return self._is_gone or (self._ended is not None and self._lost is None)

    def signal(self, number: int, to: To) -> None:
        """Send a signal; nothing happens to those who are gone."""
        self._nest.order(self._id, wire.send_signal(self._id, number, _TO[to]))

    def pause(self) -> None:
        """Hold its tree still: all of it at once, where it has a control group."""
        if self._leaf is None or not self._leaf.freeze(True):
            super().pause()

    def resume(self) -> None:
        """Let it go on."""
        if self._leaf is None or not self._leaf.is_frozen:
            super().resume()
        else:
            self._leaf.freeze(False)

    def gather_evidence(self) -> Evidence | None:
        """What it is doing: the kernel calls it asleep when its group is held still."""
        evidence = super().gather_evidence()
        is_held = evidence is not None and self._leaf is not None and self._leaf.is_frozen
        return attrs.evolve(evidence, state="stopped") if evidence is not None and is_held else evidence

    def ask(self, number: int, to: To) -> None:
        """Send a signal that asks it to end."""
        if self._leaf is not None and self._leaf.is_frozen:
            self._leaf.freeze(False)
        self._nest.order(self._id, wire.send_signal(self._id, number, _TO[to], and_continue=True))

    def kill(self) -> None:
        """End the whole tree."""
        self._was_killed = True
        self._nest.wake()
        self._nest.order(self._id, wire.kill(self._id))

    def insist(self) -> None:
        """Not even its shim has answered, which would have told of any trouble by now: the nest takes its place."""
        if not self._trouble:
            self._nest.order(self._id, wire.destroy(self._id))

    def end_strays(
        self, done: Callable[[int], None], complain: Callable[[str], None], *, at_once: bool = False
    ) -> None:
        """Its shim ends them, when their time is over."""
        if at_once and self._may_linger and not self._is_gone:
            self.kill()
        if self._is_gone or (self._is_kept and not self._was_killed):
            done(self._strays)
            return
        self._done = done
        self._complain = complain
        if self._trouble:
            self._have_trouble(self._trouble)

    @property
    def trouble(self) -> str:
        """Why its tree does not end, as far as its guardians know."""
        return self._trouble

    def reap(self) -> Ending:
        """How its main process ended."""
        self._is_reaped = True
        if self._lost is not None or self._ended is None:
            why, loss = self._lost or ("its end was not told", self._nest.name)
            ending = Ending(lost=why, loss=loss)
        else:
            ending = _ending(self._ended, NOTHING if self._leaf is None else self._leaf.count())
        self._drop_leaf()
        return ending

    def destroy(self) -> None:
        """End the whole tree."""
        self.kill()


def level(setup: Setup, *, has_leaf: bool) -> str:
    """The layer that keeps a tree in one place."""
    return "guardian" + "+cgroup" * has_leaf + "+namespace" * setup.namespace


def _ending(ended: records.Exited | records.Gone, counted: Counted) -> Ending:
    used = ended.usage
    usage = Usage(
        user=used.user,
        system=used.system,
        max_rss=used.maximum,
        minor_faults=used.minor_faults,
        major_faults=used.major_faults,
    )
    if counted is not NOTHING:
        usage = counted.improve(usage)
    if os.WIFSIGNALED(ended.status):
        name = signal_name(os.WTERMSIG(ended.status))
        oom_killed = name == "SIGKILL" and counted.oom_kills > 0
        return Ending(signal=name, core_dumped=os.WCOREDUMP(ended.status), usage=usage, oom_killed=oom_killed)
    return Ending(code=os.WEXITSTATUS(ended.status), usage=usage)
