"""The actor that keeps children running.

Its loop receives, decides, does. It never awaits anything but its mailbox: a child that takes its time to start or to
stop does so in a task of its own, which tells the mailbox when it is done. So a supervisor is never deaf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias, assert_never

import trio

from regrow._actors.mailbox import Mailbox, Ref, Request
from regrow._actors.messages import (
    Adopt,
    Ask,
    ChildMessage,
    Completed,
    Due,
    Gone,
    Message,
    Respec,
    Retire,
    ShutDown,
    StillThere,
    Up,
    Withdraw,
    dismiss,
)
from regrow._actors.news import news_of
from regrow._actors.pauses import Wait
from regrow._actors.process import Process
from regrow._actors.story import errors_of, exit_of
from regrow._actors.tree import Tree
from regrow._decisions import verdicts
from regrow._decisions.calls import VERBS, Call, DeleteChild, StartChild, StartNamed, StopChild
from regrow._decisions.hang import with_default
from regrow._decisions.ledger import Ledger
from regrow._decisions.verdicts import End, Verdict
from regrow._specs import event as events
from regrow._specs.child import ChildSpec
from regrow._specs.exit import Exit, Reason
from regrow._specs.protocol import Key
from regrow._specs.supervisor import AnySupervisorSpec, join
from regrow.exceptions import SupervisorEndedError


class Supervisor:
    """The actor of one incarnation of a supervisor. It tells the one above `Up` at most once, and `Gone` once, last."""

    def __init__(self, tree: Tree, spec: AnySupervisorSpec, key: Key, tell: Callable[[ChildMessage], object]) -> None:
        self.tree = tree
        self.key = key
        self.path = key.path
        self.ledger = Ledger(spec, key.path, tree.random)
        self.children: dict[str, Incarnation] = {}
        """The newest incarnation of each entry that has ever had one."""
        self.launched_at = trio.current_time()
        self.ready_at: float | None = None
        self.end: End | None = None
        self.exit: Exit | None = None
        self._name = spec.name
        self._tell = tell
        self._mailbox: Mailbox[Message] = Mailbox()
        self._nursery: trio.Nursery
        self.waits: dict[str, Wait] = {}
        """The backoffs of entries."""
        self._unanswered: set[Ask] = set()
        self._in_hand: Message | None = None

    @property
    def ref(self) -> Ref[Message]:
        """Where to tell it something."""
        return self._mailbox.ref

    def stop(self) -> None:
        """Stop everything, in order. The supervisor above is told when that is done."""
        self.ref.tell(ShutDown())

    async def ask(self, call: Call) -> None:
        """Ask for something and wait until it is done, or refused.

        Cancelling takes a start back: a child that nobody waits for any more is stopped again, and a new entry deleted.

        Raises:
            RegrowError: as the call's row of the table says.
        """
        ask = Ask(call, Request())
        if not self.ref.tell(ask):
            raise SupervisorEndedError(join(self.path, call.name), VERBS[type(call)])
        try:
            await ask.request.wait()
        except trio.Cancelled:
            if isinstance(call, StartChild | StartNamed):
                self.ref.tell(Withdraw(ask))
            raise

    async def adopt(self, spec: AnySupervisorSpec) -> None:
        """Take over *spec*; nothing is started or stopped by that."""
        request: Request[None] = Request()
        await self._have_done(Adopt(spec, request), request)

    async def respec(self, name: str, spec: AnySupervisorSpec) -> None:
        """Keep *spec* for the next incarnation of the supervisor *name*."""
        request: Request[None] = Request()
        await self._have_done(Respec(name, spec, request), request)

    async def retire(self, names: Iterable[str]) -> None:
        """These are about to be stopped for good: no group restart is to start them any more."""
        request: Request[None] = Request()
        await self._have_done(Retire(tuple(names), request), request)

    def reinstate(self, names: Iterable[str]) -> None:
        """It did not come to that: they are as before."""
        self.ref.tell(Retire(tuple(names), Request(), really=False))

    async def _have_done(self, message: Adopt | Respec | Retire, request: Request[None]) -> None:
        if not self.ref.tell(message):
            raise SupervisorEndedError(self.path, "apply")
        await request.wait()

    # -- its life ----------------------------------------------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Boot, serve, and stop everything."""
        self._announce(events.SupervisorStarted(self.path, self.key.incarnation))
        try:
            async with trio.open_nursery() as self._nursery:
                self._do(self.ledger.boot(trio.current_time()))
                while self.end is None:
                    self._handle(await self._mailbox.receive())
                self._nursery.cancel_scope.cancel()  # only what is stuck is left, and backoffs
        except Exception as error:  # noqa: BLE001  # a mistake of ours: the nursery has ended all children by now
            self.exit = Exit(Reason.CRASHED, why="its supervisor broke down", error=error)
        finally:
            in_hand = [] if self._in_hand is None else [self._in_hand]
            dismiss([*self._unanswered, *in_hand, *self._mailbox.close()], self.path)
        self._finish()

    def _finish(self) -> None:
        if self.exit is None:
            assert self.end is not None
            now = trio.current_time()
            healthy_for = 0.0 if self.ready_at is None else now - self.ready_at
            self.exit = exit_of(self.end, self.ledger, ran_for=now - self.launched_at, healthy_for=healthy_for)
        self.tree.pauses.end(self.path)
        self.tree.keeping.forget_ended(self.path, self.ledger.spec, self.ledger.entries)
        self._announce(events.SupervisorExited(self.path, self.key.incarnation, self.exit))
        self.tree.journal.stir_below(self.path)
        self._tell(Gone(self._name, self.exit))

    # -- receive, decide ---------------------------------------------------------------------------------------------

    def _handle(self, message: Message) -> None:
        self._in_hand = message
        if isinstance(message, Ask):
            self._unanswered.add(message)
        orders = self._decide(message, trio.current_time())
        self._do(orders)
        if self.tree.journal.is_watched:
            self._stir_all(message, orders)

    def _stir_all(self, message: Message, orders: list[Verdict]) -> None:
        names = {name for order in orders if isinstance(name := getattr(order, "name", None), str)}
        if not isinstance(message, ShutDown | Adopt | Retire):
            names.add(message.name)
        if orders and self.ledger.shares_restarts:
            names.update(self.ledger.entries)  # whether one comes back depends on the others
        for name in names:
            self._stir(name)

    def _stir(self, name: str) -> None:
        """Something may be different for those who wait at this child, or below it."""
        self.tree.journal.stir(join(self.path, name))
        if isinstance(self.children.get(name), Supervisor):
            self.tree.journal.stir_below(join(self.path, name))

    def _decide(self, message: Message, now: float) -> list[Verdict]:
        match message:
            case Up(name):
                return self.ledger.on_ready(name, now)
            case Completed(name, exit):
                return self.ledger.on_completed(name, exit, now)
            case Gone(name, exit):
                return self.ledger.on_gone(name, exit, now)
            case StillThere(name, remains):
                return self.ledger.on_stuck(name, remains, now)
            case Due(name, token):
                return self.ledger.on_due(name, token, now)
            case Ask(call):
                return self.ledger.ask(message, call, now)
            case Withdraw(ask):
                return self._withdraw(ask, now)
            case Adopt():
                return self._adopt(message)
            case Respec(name, spec, request):
                self.ledger.respec(name, spec)
                request.answer(None)
                return []
            case Retire(names, request, really):
                self.ledger.retire(names, really=really)
                request.answer(None)
                return []
            case ShutDown():
                return self.ledger.shut_down(now)
            case _:
                assert_never(message)

    def _withdraw(self, ask: Ask, now: float) -> list[Verdict]:
        """Whoever asked for a start was cancelled: take it back, or undo it if it is done by now."""
        if not ask.request.is_answered or ask.request.is_refused:
            return self.ledger.withdraw(ask, ask.name, now)
        orders = self.ledger.ask(Ask(StopChild(ask.name), Request()), StopChild(ask.name), now)
        if isinstance(ask.call, StartChild):
            orders += self.ledger.ask(Ask(DeleteChild(ask.name), Request()), DeleteChild(ask.name), now)
        return orders

    def _adopt(self, message: Adopt) -> list[Verdict]:
        before = {name: entry.spec for name, entry in self.ledger.entries.items()}
        orders = self.ledger.adopt(message.spec)
        self.tree.keeping.forget_changed(self.path, before, self.ledger.entries.values())
        self._announce(events.SpecApplied(self.path))
        message.request.answer(None)
        return orders

    # -- do ----------------------------------------------------------------------------------------------------------

    def _do(self, orders: list[Verdict]) -> None:
        for order in orders:
            self._carry_out(order)

    def _carry_out(self, order: Verdict) -> None:
        match order:
            case verdicts.Start(name):
                self._start(name)
            case verdicts.Stop(name):
                self.children[name].stop()
            case verdicts.Wait(name, delay, token):
                self.waits[name] = Wait(self.tree.pauses, join(self.path, name), delay)
                self._nursery.start_soon(self._wait, self.waits[name], Due(name, token))
            case verdicts.CancelWait(name):
                if name in self.waits:  # pragma: no branch - it may be over just now, its message on the way
                    self.waits.pop(name).cancel()
            case verdicts.Reply(ask, error):
                self._reply(ask, error)
            case verdicts.End():
                self.end = order
            case _:
                self._tell_of(order)

    def _tell_of(self, order: verdicts.News) -> None:
        """Orders that are news."""
        if isinstance(order, verdicts.Forget):
            self.tree.keeping.forget(join(self.path, order.name))
            self.children.pop(order.name, None)
        if isinstance(order, verdicts.Booted):
            self.ready_at = trio.current_time()
        for event in news_of(order, self.path, self.key.incarnation):
            self._announce(event)
        if isinstance(order, verdicts.Booted):
            self._tell(Up(self._name))

    def _start(self, name: str) -> None:
        spec = with_default(self.ledger.entries[name].spec, self.ledger.spec)
        key = self.tree.next_key(join(self.path, name))
        child: Incarnation
        if isinstance(spec, ChildSpec):
            child = Process(self.tree, spec, key, self.ref.tell)
        else:
            child = Supervisor(self.tree, spec, key, self.ref.tell)
        self.children[name] = child
        self._nursery.start_soon(child.run, name=str(key))

    @trio.lowlevel.enable_ki_protection
    async def _wait(self, wait: Wait, due: Due) -> None:
        if await wait.run():
            self.ref.tell(due)
        if self.waits.get(due.name) is wait:  # not that of a newer wait
            del self.waits[due.name]

    def _reply(self, ask: object, error: Exception | None) -> None:
        assert isinstance(ask, Ask)
        self._unanswered.discard(ask)
        if error is not None:
            ask.request.refuse(error)
            return
        ask.request.answer(None)

    def _announce(self, event: events.Event) -> None:
        self.tree.announce(event)

    @property
    def errors(self) -> list[Exception]:
        """What went wrong, if it has ended badly."""
        if self.exit is not None and self.exit.reason is Reason.CRASHED and self.exit.error is not None:
            return [self.exit.error]
        return list(errors_of(self.end, self.ledger)) if self.end is not None else []


Incarnation: TypeAlias = Process | Supervisor
"""One life of an entry's child."""
