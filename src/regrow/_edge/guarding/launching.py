"""One launch behind guardians: from an order to a letter, and from what they answer to a program or a refusal."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
from functools import partial
from typing import Protocol

from regrow._edge.cgroups.leaves import Leaf, Leaves
from regrow._edge.grouping.spawner import Spawner
from regrow._edge.guardian import records, wire
from regrow._edge.guardian.records import Record
from regrow._edge.guarding import letters
from regrow._edge.guarding.guarded import Guarded
from regrow._edge.guarding.mail import Letter, Message
from regrow._edge.guarding.nest import Nest
from regrow._edge.holding import Make, Spawned, Take
from regrow._edge.orders import refusals
from regrow._edge.orders.order import Descriptors, Order
from regrow._edge.orders.passing import passable
from regrow._edge.orders.preparing import Prepared, prepare, takes_a_thread
from regrow._edge.orders.setup import PLAIN
from regrow._edge.orders.sockets import Sockets
from regrow._specs.listen import ListenSocket
from regrow._specs.protocol import NotLaunched, Refusal

NOTHING = Prepared()


class Nests(Protocol):
    """Where there is always a nest, or is going to be one."""

    @property
    def spawner(self) -> Spawner:
        """Threads for what may block."""
        ...

    @property
    def sockets(self) -> Sockets:
        """What listens for children."""
        ...

    @property
    def gap(self) -> int:
        """What leaves a number of the child's free."""
        ...

    @property
    def null(self) -> int:
        """`/dev/null`, open for all of them."""
        ...

    @property
    def leaves(self) -> Leaves | None:
        """Control groups, where there can be any."""
        ...

    def send(self, launch: Launch) -> None:
        """Have *launch* sent by the nest that there is, or is going to be."""


class Launch(Letter):
    """A letter that asks for a child, and the ward that hears the answer."""

    def __init__(self, nests: Nests, make: Make, take: Take) -> None:
        self._nests = nests
        self._make = make
        self._take = take
        self._fds = Descriptors()
        self._ends: tuple[int | None, ...] = (None, None, None)  # ours, of its standard streams
        self._order: Order | None = None
        self._prepared: Prepared | None = None
        self._message: Message | None = None
        self._nest: Nest | None = None
        self._id = 0
        self._leaf: Leaf | None = None
        self._is_leafless = False  # it goes without, whatever it was to have

    def post(self, nest: Nest) -> None:
        """Send it to *nest*."""
        self._nest = nest
        nest.send(self)

    def refuse(self, answer: NotLaunched) -> None:
        """It comes to nothing."""
        self._fds.close()
        self._discard_file()
        self._drop_leaf()
        self._take(answer)

    # -- nest.Letter ---------------------------------------------------------------------------------------------------

    def write(self) -> Message | None:
        """What to send; nothing if nobody wants it any more, or if it takes a thread to go on."""
        if self._message is None:
            order = self._order or self._make()
            if isinstance(order, NotLaunched):
                self.refuse(order)
            else:
                self._order = order
                self._message = self._prepare(order)
        return self._message

    def sent(self) -> None:
        """The guardians have its descriptors now."""
        self._fds.close_theirs()
        self._message = None
        if self._leaf is not None:
            self._leaf.sent()

    def lost(self) -> None:
        """The nest is over, and has not got it: on to the next one."""
        if self._nest is not None and self._id:
            self._nest.forget(self._id)
        self._message = None
        self._fds.close()
        self._nests.send(self)

    def failed(self, error: OSError) -> None:
        """It cannot be sent."""
        self._forget()
        self._refuse_for(error)

    # -- nest.Ward -----------------------------------------------------------------------------------------------------

    def hear(self, record: Record) -> None:
        """Its guardians answer."""
        match record:
            case records.Launched():
                self._launched(record)
            case records.Failed(stage=wire.Stage.CGROUP, errno=error) if self._leaf is not None:
                self._leaf.refused(error)
                self._on_leaf(None)
            case records.Failed():
                self._forget()
                self._fds.close()
                self._discard_file()
                self._drop_leaf()
                assert self._order is not None
                self._nests.spawner.submit(partial(letters.explain, record, self._order), self._take)
            case records.Lost():
                self.lose("its guardian was killed", "")
            case _:
                pass

    def lose(self, why: str, loss: str) -> None:
        """There will be no answer."""
        self._forget()
        self.refuse(NotLaunched(refusal=Refusal.ENGINE, why=f"{why}, before it was executed"))

    def _launched(self, record: records.Launched) -> None:
        assert self._nest is not None
        assert self._order is not None
        hold = Guarded(self._nest, self._id, self._order, record, self._leaf)
        self._nest.hand_over(self._id, hold)
        self._fds.give()
        stdin, stdout, stderr = self._ends
        spawned = Spawned(hold=hold, stdin=stdin, stdout=stdout, stderr=stderr, file=self._give_file())
        spawned.parent = None if self._order.setup.namespace else record.shim
        spawned.leaf = None if self._leaf is None else self._leaf.path
        self._leaf = None
        self._take(spawned)

    def _drop_leaf(self) -> None:
        if self._leaf is not None:
            self._leaf.drop()
            self._leaf = None

    def _forget(self) -> None:
        assert self._nest is not None
        self._nest.forget(self._id)

    # -- small helpers -------------------------------------------------------------------------------------------------

    def _prepare(self, order: Order) -> Message | None:
        if self._prepared is None:
            missing = self._missing_sockets(order)
            if takes_a_thread(order, missing):
                self._nests.spawner.submit(partial(prepare, order, missing), self._on_prepared)
                return None
            self._prepared = NOTHING
        try:
            return self._compose(order, self._prepared) if self._has_leaf(order) else None
        except refusals.RefusedError as refused:
            self.refuse(refused.answer)
        except (OSError, ValueError, MemoryError) as error:
            self._refuse_for(error)
        return None

    def _has_leaf(self, order: Order) -> bool:
        """Whether it has its control group, or goes without; else it is asked for."""
        leaves = self._nests.leaves
        if self._leaf is not None or self._is_leafless or leaves is None or not leaves.is_for(order.setup):
            return True
        self._leaf = leaves.take()
        if self._leaf is None:
            leaves.ask(self._on_leaf)
        return self._leaf is not None

    def _on_leaf(self, leaf: Leaf | None) -> None:
        self._leaf, self._is_leafless = leaf, leaf is None
        self.lost()

    def _missing_sockets(self, order: Order) -> list[ListenSocket]:
        return [] if order.key is None else self._nests.sockets.missing(order.key, order.setup.sockets)

    def _on_prepared(self, answer: Prepared | NotLaunched) -> None:
        if isinstance(answer, NotLaunched):
            self.refuse(answer)
            return
        if answer.sockets and self._order is not None and self._order.key is not None:
            self._nests.sockets.keep(self._order.key, answer.sockets)
        self._prepared = answer
        self._nests.send(self)

    def _compose(self, order: Order, prepared: Prepared) -> Message:
        assert self._nest is not None
        fds = self._open_streams(order)
        if order.setup is not PLAIN:
            fds += self._others(order, len(fds))
        self._id = self._nest.adopt(self)
        try:
            leaf = () if self._leaf is None else (self._leaf.directory,)
            wanted = letters.to_wire(order, self._id, len(fds), prepared.identity, has_leaf=bool(leaf))
            return Message(wire.start(wanted), fds + leaf)
        except (OSError, ValueError):
            self._nest.forget(self._id)
            raise

    def _open_streams(self, order: Order) -> tuple[int, ...]:
        """The child's ends of its standard streams: where it has no output, none at all, which is /dev/null thrice."""
        if not order.has_output:
            return ()
        if order.setup.terminal:
            return self._open_terminal(order)
        stdin, our_stdin = self._fds.pipe(ours="write") if order.has_stdin else (self._nests.null, None)
        stdout, our_stdout = self._fds.pipe(ours="read")
        stderr, our_stderr = self._fds.pipe(ours="read")
        self._ends = our_stdin, our_stdout, our_stderr
        return stdin, stdout, stderr

    def _open_terminal(self, order: Order) -> tuple[int, ...]:
        theirs, ours = self._fds.terminal()
        self._ends = self._fds.again(ours) if order.has_stdin else None, ours, None
        return theirs, theirs, theirs

    def _others(self, order: Order, first: int) -> tuple[int, ...]:
        """What the child has besides its standard streams, in the order of its numbers."""
        if order.key is None:
            return ()
        sockets = self._nests.sockets.numbers(order.key, order.setup.sockets)
        given = {number: passable(number, fd) for number, fd in order.setup.fds}
        given |= dict(enumerate(sockets, first))
        return tuple(given.get(number, self._nests.gap) for number in range(first, max(given, default=first - 1) + 1))

    def _refuse_for(self, error: Exception) -> None:
        assert self._order is not None
        self.refuse(refusals.explain(error, self._order.program, self._order.cwd))

    def _give_file(self) -> int | None:
        return None if self._prepared is None else self._prepared.file

    def _discard_file(self) -> None:
        if self._prepared is not None and self._prepared.file is not None:
            os.close(self._prepared.file)
            self._prepared = NOTHING
