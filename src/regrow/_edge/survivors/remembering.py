"""A state directory for as long as a launcher is open: what survived the last one ended, what runs now written down."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import errno
import os
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Protocol

import trio
from trio.lowlevel import enable_ki_protection

from regrow._edge.grouping.handle import has_pidfd
from regrow._edge.survivors.book import LIST, Book, keep_damaged, read_list
from regrow._edge.survivors.ending import VARIABLE, Hunt
from regrow._edge.survivors.folder import Folder
from regrow._edge.survivors.held import Survivor
from regrow._edge.survivors.identity import Facts, control_groups, here, look
from regrow._edge.survivors.lock import Lock
from regrow._edge.survivors.record import Contents, Entry, Leaf, OtherFormatError, Owner
from regrow._specs.protocol import Key
from regrow.exceptions import SurvivorsLeftError


class Memory(Protocol):
    """What a launcher remembers of what it runs. Nothing here waits, and nothing raises."""

    @property
    def ended(self) -> tuple[Survivor, ...]:
        """Who had survived the last supervisor, and was ended."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """What each child must have in its environment."""
        ...

    def note(self, key: Key, pid: int, containment: str, *, parent: int | None = None, leaf: str | None = None) -> None:
        """The process *pid* runs as *key*; called as soon as that is known.

        Args:
            key: the incarnation.
            pid: its main process.
            containment: the layer that keeps its tree in one place.
            parent: whose child it is; one that is not is another's by now, and is not written down.
            leaf: the directory of its control group.
        """

    def strike(self, key: Key) -> None:
        """Nothing of *key* is left, or nobody looks after it any more; then, while its main process lives, it stays."""


class NoMemory:
    """There is no state directory: nothing is remembered."""

    ended: tuple[Survivor, ...] = ()
    environment: Mapping[str, str] = {}

    def note(self, key: Key, pid: int, containment: str, *, parent: int | None = None, leaf: str | None = None) -> None:
        """See `Memory`."""

    def strike(self, key: Key) -> None:
        """See `Memory`."""


@asynccontextmanager
@enable_ki_protection
async def remembering(state_dir: str | None, *, with_pidfd: bool = True) -> AsyncIterator[Memory]:
    """For the block, own *state_dir*: before it begins, what survived the last owner is ended.

    Raises:
        StateDirInUseError: its owner lives.
        SurvivorsLeftError: something that survived cannot be ended.
        IoError: the directory cannot be used.
    """
    if state_dir is None:
        yield NoMemory()
        return
    # Not to be abandoned: it ends by itself, and what it has taken must be given back.
    written = await trio.to_thread.run_sync(lambda: Written(state_dir, with_pidfd=with_pidfd and has_pidfd()))
    try:
        yield written
    finally:
        written.close()


class Written:
    """What a launcher remembers, in a state directory. See `Memory`."""

    def __init__(self, state_dir: str, *, with_pidfd: bool) -> None:
        """Own it, and end what the last owner has left there. Blocks."""
        self._folder = Folder(state_dir)
        self._lock: Lock | None = None
        self._noted: dict[Key, tuple[Facts, int]] = {}
        try:
            with self._folder.saying():
                self._owner = _we()
            self._lock = Lock(self._folder, self._owner)
            self.ended = self._end_survivors(with_pidfd=with_pidfd)
            with self._folder.saying(LIST):
                self._book = Book(self._folder, self._owner)
        except BaseException:
            self._let_go()
            raise
        # A supervisor within a child of another one hands on the other's token, too: its children are that one's.
        above = os.environ.get(VARIABLE)
        self.environment = {VARIABLE: f"{above}:{self._owner.token}" if above else self._owner.token}

    def note(self, key: Key, pid: int, containment: str, *, parent: int | None = None, leaf: str | None = None) -> None:
        """Write it down."""
        facts = look(pid)
        if facts is None or (parent is not None and facts.parent != parent):
            return  # gone already, as is what could be written down of it
        entry = Entry(
            place=self._owner.place,
            path=key.path,
            incarnation=key.incarnation,
            pid=pid,
            start=facts.start,
            group=facts.group,
            command=facts.command,
            containment=containment,
            leaf=_leaf(leaf),
        )
        self._noted[key] = facts, self._book.note(entry)

    def strike(self, key: Key) -> None:
        """Strike it out."""
        if key not in self._noted:
            return
        facts, number = self._noted.pop(key)
        now = look(facts.pid)
        if now is None or now.is_dead or not now.is_same(facts):
            self._book.strike(number)

    def close(self) -> None:
        """Own it no more. Who is still on the list stays there, for the next one to look after."""
        self._book.close()
        self._let_go()

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.close()
        self._folder.close()

    def _end_survivors(self, *, with_pidfd: bool) -> tuple[Survivor, ...]:
        with self._folder.saying(LIST):
            contents = _understood(self._folder)
        with self._folder.saying():
            hunt = Hunt(contents, self._owner.place, with_pidfd=with_pidfd)
            if contents.owner is not None or contents.entries:
                hunt.run()
        if hunt.left or hunt.leaves_left:
            raise SurvivorsLeftError(self._folder.path, hunt.left, hunt.leaves_left)
        if contents.is_damaged:
            with self._folder.saying(LIST):
                keep_damaged(self._folder)
        return tuple(hunt.ended)


def _understood(folder: Folder) -> Contents:
    try:
        return read_list(folder)
    except OtherFormatError as error:
        words = "it was written by another version of regrow; see that nothing of it runs any more, and remove it"
        raise OSError(errno.EINVAL, words) from error


def _we() -> Owner:
    us = look(os.getpid())
    if us is None:
        raise OSError(errno.ENOENT, "/proc does not show our own process")
    return Owner(
        place=here(),
        pid=us.pid,
        start=us.start,
        since=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        token=uuid.uuid4().hex,
        groups=control_groups(),
    )


def _leaf(path: str | None) -> Leaf | None:
    try:
        return None if path is None else Leaf(path=path, inode=os.stat(path).st_ino)
    except OSError:
        return None
