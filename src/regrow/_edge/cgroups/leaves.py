"""The leaves of one launcher: always some ahead of need, and removed when their trees are gone. Nothing here waits."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import errno
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

from regrow._edge.alarms import Alarm, Alarms
from regrow._edge.cgroups import group
from regrow._edge.cgroups.branch import Branch, Tended
from regrow._edge.cgroups.counting import NOTHING, Counted, count
from regrow._edge.cgroups.wanting import wants_leaf
from regrow._edge.grouping.spawner import Spawner
from regrow._edge.orders.setup import Setup

_FEW, _ENOUGH = 2, 16  # ready for those who come next, as few or many have come so far
_AT_ONCE = 64  # made in one go, when many are waited for
_MANY = 128  # done with, when they are removed without waiting for more; not in the middle of a storm
_LINGER = 0.2  # seconds until fewer are removed, too
_TRIES = 8  # of removing what is busy, each after twice the time; then it is left until the end
_VANISHED = {errno.ENOENT, errno.ENODEV}
_FOR_NOW = {errno.EAGAIN, errno.ENOSPC, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EINTR}


class Watch(Protocol):
    """Tells when a group becomes empty. See `emptying.Emptying`."""

    def watch(self, directory: int, name: str, call: Callable[[], object]) -> None:
        """Call *call* when the group *name* below *directory* is empty."""

    def close(self) -> None:
        """Call nobody any more."""


class Leaves:
    """Gives each child a control group. Made on trio's thread; closed with `close`."""

    def __init__(
        self, branch: Branch, watch: Watch, spawner: Spawner, alarms: Alarms, *, is_for_all: bool = True
    ) -> None:
        self.branch = branch
        self.trouble = ""
        """Why none can be made, or none could be the last time."""
        self._watch = watch
        self._spawner = spawner
        self._alarms = alarms
        self._spare: deque[str] = deque()
        self._given = 0
        self._waiting: list[Callable[[Leaf | None], None]] = []
        self._over: list[str] = []  # what is to be removed
        self._tries = 0
        self._alarm: Alarm | None = None
        self._is_busy = False  # a thread is making or removing some
        self._has_given_up = False
        self._is_closed = False
        self._is_for_all = is_for_all

    # -- for those who start children ----------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether those that there are can be used."""
        return not self._is_closed

    @property
    def is_growing(self) -> bool:
        """Whether there may be new ones."""
        return not self._is_closed and not self._has_given_up

    def is_for(self, setup: Setup) -> bool:
        """Whether a child with this *setup* is to have one, and may get it."""
        return self.is_growing and wants_leaf(setup, are_for_all=self._is_for_all)

    def take(self) -> Leaf | None:
        """One for a new child; `None`: none is there now, and one can be asked for.

        Raises:
            OSError: there is no descriptor left for it.
        """
        leaf = self._give()
        if 2 * len(self._spare) < self._enough:
            self._tend()
        return leaf

    def _give(self) -> Leaf | None:
        while self._spare:
            try:
                directory = os.open(self._spare[0], group.DIRECTORY, dir_fd=self.branch.directory)
            except OSError as error:
                if error.errno not in _VANISHED:
                    raise
                self._spare.popleft()  # somebody has removed it
            else:
                self._given += 1
                return Leaf(self, self._spare.popleft(), directory)
        return None

    def _give_if_possible(self) -> Leaf | None:
        with suppress(OSError):
            return self._give()
        return None

    @property
    def _enough(self) -> int:
        return max(_FEW, min(self._given, _ENOUGH))

    def ask(self, call: Callable[[Leaf | None], None]) -> None:
        """Give *call* one when there is one; `None` if there is none to be had. Not before this returns."""
        self._waiting.append(call)
        self._tend()

    def give_up(self, why: str) -> None:
        """Nobody gets one any more."""
        self._has_given_up = True
        self.trouble = why
        self._over += self._spare
        self._spare.clear()
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call(None)

    # -- for the leaves ------------------------------------------------------------------------------------------------

    def drop(self, name: str) -> None:
        """Nothing is in it any more: remove it, some time."""
        self._over.append(name)
        if len(self._over) >= _MANY:
            self._tend()
        elif self._alarm is None:
            self._tend_after(_LINGER)

    def end(self, name: str, done: Callable[[], None], complain: Callable[[], None], patience: float) -> None:
        """Kill all that is in it, and call *done* when nothing is; *complain* if that takes longer than *patience*."""
        if self._is_closed:
            done()
            return
        alarm = self._alarms.set(patience, complain)

        def is_empty() -> None:
            self._alarms.cancel(alarm)
            done()

        self._spawner.submit(partial(self.branch.kill, name), lambda _: self._wait_until_empty(name, is_empty))

    def _wait_until_empty(self, name: str, call: Callable[[], None]) -> None:
        if self._is_closed:
            call()
            return
        try:
            self._watch.watch(self.branch.directory, name, call)
        except OSError:  # no descriptor left
            self._alarms.set(_LINGER, partial(self._wait_until_empty, name, call))

    # -- tending -------------------------------------------------------------------------------------------------------

    def _tend(self) -> None:
        """Have a thread make what is missing, and remove what is over."""
        missing = self._missing()
        if self._is_busy or self._is_closed or not (missing or self._over):
            return
        over, self._over = self._over, []
        self._is_busy = True
        self._spawner.submit(partial(self.branch.tend, missing, over), self._tended)

    def _missing(self) -> int:
        if self._has_given_up or (self.trouble and not self._waiting):  # the next one who asks for one tries again
            return 0
        return max(0, min(self._enough + len(self._waiting) - len(self._spare), _AT_ONCE))

    def _tend_after(self, seconds: float) -> None:
        if not self._is_closed:
            self._alarm = self._alarms.set(seconds, self._tend_now)

    def _tend_now(self) -> None:
        self._alarm = None
        self._tend()

    def _tended(self, tended: Tended) -> None:
        self._is_busy = False
        if self._is_closed:
            return
        (self._over if self._has_given_up else self._spare).extend(tended.made)
        if not self._has_given_up:
            self._serve(tended.error)
        self._try_again(list(tended.left))
        if self._waiting or len(self._over) >= _MANY:
            self._tend()
        elif self._over and self._alarm is None:
            self._tend_after(_LINGER)

    def _serve(self, error: OSError | None) -> None:
        self.trouble = "" if error is None else f"no group can be made in {self.branch.path}: {error.strerror}"
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            if not self._spare and error is None:
                self._waiting.append(call)
            else:
                call(self._give_if_possible())
        if error is not None and error.errno not in _FOR_NOW:
            self.give_up(self.trouble)

    def _try_again(self, left: list[str]) -> None:
        self._tries = self._tries + 1 if left else 0
        if left and self._tries <= _TRIES:
            self._over += left
            if self._alarm is None:
                self._tend_after(_LINGER * 2**self._tries)

    # -- its end -------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Kill and remove all that is left, in a thread, which the end of the spawner waits for."""
        if self._is_closed:
            return
        self._is_closed = True
        self._watch.close()
        if self._alarm is not None:
            self._alarms.cancel(self._alarm)
        self.give_up("its launcher has ended")
        self._spawner.submit(self.branch.discard, lambda _: None)


class Leaf:
    """The control group of one incarnation, from its start until nothing of its tree is left."""

    __slots__ = ("_directory", "_leaves", "is_frozen", "name")

    def __init__(self, leaves: Leaves, name: str, directory: int) -> None:
        self.name = name
        self.is_frozen = False
        self._directory: int | None = directory
        self._leaves = leaves

    @property
    def path(self) -> str:
        """Its directory."""
        return os.path.join(self._leaves.branch.path, self.name)

    @property
    def directory(self) -> int:
        """A descriptor of it, until it is sent."""
        assert self._directory is not None
        return self._directory

    def sent(self) -> None:
        """The guardians have the descriptor now."""
        if self._directory is not None:
            os.close(self._directory)
            self._directory = None

    def refused(self, error: int) -> None:
        """No process can be put into it: nobody else is to try it in vain."""
        if error not in _VANISHED:  # this one has been removed; that says nothing of others
            why = f"no process can be put into {self.path}: {os.strerror(error)}"
            self._leaves.give_up(why)
        self.drop()

    def freeze(self, is_frozen: bool) -> bool:
        """Hold all that is in it still, at once, or let it go on; whether that could be done."""
        if not self._leaves.is_open:
            return False
        with suppress(OSError):
            group.write(self._leaves.branch.directory, f"{self.name}/cgroup.freeze", b"1" if is_frozen else b"0")
            self.is_frozen = is_frozen
            return True
        return False

    def count(self) -> Counted:
        """What the kernel has counted in it so far."""
        if not self._leaves.is_open:
            return NOTHING
        branch = self._leaves.branch
        return count(lambda file: group.read(branch.directory, f"{self.name}/{file}"), branch.counts)

    def end(self, done: Callable[[], None], complain: Callable[[], None], patience: float) -> None:
        """Kill all that is in it, and call *done* when nothing is; *complain* if that takes longer than *patience*."""
        self._leaves.end(self.name, done, complain, patience)

    def drop(self) -> None:
        """Nothing is in it any more."""
        self.sent()
        self._leaves.drop(self.name)
