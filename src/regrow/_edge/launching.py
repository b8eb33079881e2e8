"""One launch behind guardians: from an order to a letter, and from what they answer to a program or a refusal."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
from functools import partial
from typing import Protocol

import attrs

from regrow._edge import letters, refusals
from regrow._edge.guarded import Guarded
from regrow._edge.guardian import records, wire
from regrow._edge.guardian.records import Record
from regrow._edge.holding import Make, Spawned, Take
from regrow._edge.mail import Letter, Message
from regrow._edge.nest import Nest
from regrow._edge.order import Descriptors, Order
from regrow._edge.spawner import Spawner
from regrow._specs.protocol import NotLaunched, Refusal


class Nests(Protocol):
    """Where there is always a nest, or is going to be one."""

    @property
    def spawner(self) -> Spawner:
        """Threads for what may block."""
        ...

    @property
    def null(self) -> int:
        """`/dev/null`, open for all of them."""
        ...

    def level(self, order: Order) -> str:
        """The layer that an order asks for."""
        ...

    def send(self, letter: Launch) -> None:
        """Have *letter* sent by the nest that there is, or is going to be."""


class Launch(Letter):
    """A letter that asks for a child, and the ward that hears the answer."""

    def __init__(self, nests: Nests, make: Make, take: Take) -> None:
        self._nests = nests
        self._make = make
        self._take = take
        self._fds = Descriptors()
        self._ends: tuple[int | None, ...] = (None, None, None)  # ours, of its standard streams
        self._order: Order | None = None
        self._file: int | None = None
        self._message: Message | None = None
        self._nest: Nest | None = None
        self._id = 0

    def post(self, nest: Nest) -> None:
        """Send it to *nest*."""
        self._nest = nest
        nest.send(self)

    def refuse(self, answer: NotLaunched) -> None:
        """It comes to nothing."""
        self._fds.close()
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

    def lost(self) -> None:
        """The nest is over, and has not got it: on to the next one."""
        if self._nest is not None and self._id:
            self._nest.forget(self._id)
        self._message = None
        self._fds.close_pipes()
        self._nests.send(self)

    # -- nest.Ward -----------------------------------------------------------------------------------------------------

    def hear(self, record: Record) -> None:
        """Its guardians answer."""
        match record:
            case records.Launched():
                self._launched(record)
            case records.Failed():
                self._forget()
                self._fds.close()
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
        hold = Guarded(self._nest, self._id, self._order, record, self._nests.level(self._order))
        self._nest.hand_over(self._id, hold)
        self._fds.give()
        stdin, stdout, stderr = self._ends
        self._take(Spawned(hold=hold, stdin=stdin, stdout=stdout, stderr=stderr, file=self._file))

    def _forget(self) -> None:
        assert self._nest is not None
        self._nest.forget(self._id)

    # -- small helpers -------------------------------------------------------------------------------------------------

    def _prepare(self, order: Order) -> Message | None:
        if order.file is not None and self._file is None:
            self._nests.spawner.submit(partial(self._open_file, order.file), self._opened)
            return None
        try:
            return self._compose(order)
        except (OSError, ValueError, MemoryError) as error:
            self.refuse(refusals.explain(error, order.program, order.cwd))
            return None

    def _compose(self, order: Order) -> Message:
        assert self._nest is not None
        streams = self._open_streams(order)
        self._id = self._nest.adopt(self)
        try:
            return Message(wire.start(letters.to_wire(order, self._id, len(streams))), streams)
        except ValueError:
            self._nest.forget(self._id)
            raise

    def _open_streams(self, order: Order) -> tuple[int, ...]:
        """The child's ends of its standard streams: where it has no output, none at all, which is /dev/null thrice."""
        if not order.has_output:
            return ()
        stdin, our_stdin = self._fds.pipe(ours="write") if order.has_stdin else (self._nests.null, None)
        stdout, our_stdout = self._fds.pipe(ours="read")
        stderr, our_stderr = self._fds.pipe(ours="read")
        self._ends = our_stdin, our_stdout, our_stderr
        return stdin, stdout, stderr

    def _open_file(self, path: str) -> _OpenedFile | NotLaunched:
        """In a thread."""
        try:
            return _OpenedFile(self._fds.open_file(path))
        except refusals.RefusedError as refused:
            return refused.answer

    def _opened(self, answer: _OpenedFile | NotLaunched) -> None:
        if isinstance(answer, NotLaunched):
            self.refuse(answer)
        else:
            self._file = answer.fd
            self._nests.send(self)


@attrs.frozen
class _OpenedFile:
    fd: int

    def discard(self) -> None:
        os.close(self.fd)
