"""Trees of ledgers without trio: what is common to the two worlds that carry out their orders.

A child that is a supervisor is another ledger; its `End` is the exit that the one above is told, as the actors make
it. Every world checks what must hold in each: no two incarnations of one child at once, one answer to each call, one
wait for each child, one end, last, when nothing runs any more but what is stuck.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from math import inf
from random import Random
from typing import TypeAlias

import attrs
from tests.decisions.wording import in_words, word

from regrow._decisions import verdicts
from regrow._decisions.calls import Call
from regrow._decisions.ledger import Ledger
from regrow._decisions.verdicts import End, Verdict
from regrow._specs.child import ChildSpec
from regrow._specs.exit import Exit, Reason
from regrow._specs.supervisor import AnySupervisorSpec, join


@attrs.define(eq=False)
class Asked:
    """A management call, and what it was answered."""

    request: Call
    answers: list[str] = attrs.field(factory=list)

    @property
    def answer(self) -> str | None:
        """The one that there may be."""
        assert len(self.answers) <= 1, f"{self.request} was answered more than once: {self.answers}"
        return self.answers[0] if self.answers else None


@attrs.frozen(eq=False)
class Message:
    """Something that a ledger is told."""

    decide: Callable[[Ledger, float], list[Verdict]]
    about: Child | None = None
    """Whose end it is."""
    asked: Asked | None = None


@attrs.define(eq=False)
class Process:
    """One life of a process."""

    node: Node
    spec: ChildSpec
    is_alive: bool = True
    is_ready: bool = False
    is_stopping: bool = False
    is_stuck: bool = False

    @property
    def path(self) -> str:
        return join(self.node.path, self.spec.name)


class Node:
    """One life of a supervisor."""

    def __init__(self, spec: AnySupervisorSpec, path: str, above: Node | None, random: Random) -> None:
        self.spec = spec
        self.path = path
        self.above = above
        self.ledger = Ledger(spec, path, random)
        self.children: dict[str, Child] = {}
        """The newest incarnation of each entry that has ever had one."""
        self.waits: dict[str, tuple[float, int]] = {}
        """Of each child that waits for its restart: until when, and with which token."""
        self.mailbox: deque[Message] = deque()
        self.end: End | None = None
        self.exit: Exit | None = None
        self.ready_at: float | None = None
        self.last_stop = inf
        """The place of the child that was stopped last, when all are."""

    @property
    def is_alive(self) -> bool:
        return self.end is None

    @property
    def is_stuck(self) -> bool:
        return False

    def culprit(self) -> str:
        """The path of the process at the root of its end."""
        assert self.end is not None
        name = self.end.culprits[0][0]
        child = self.children[name]
        return child.culprit() if isinstance(child, Node) else join(self.path, name)

    def processes(self) -> Iterator[Process]:
        """The newest life of each process below."""
        for one in self.children.values():
            if isinstance(one, Node):
                yield from one.processes()
            else:
                yield one

    def nodes(self) -> Iterator[Node]:
        """This one, and those below it that live."""
        yield self
        for one in self.children.values():
            if isinstance(one, Node) and one.is_alive:
                yield from one.nodes()


Child: TypeAlias = Process | Node


class World(ABC):
    """A tree, and whoever carries out what its ledgers decide."""

    def __init__(self, spec: AnySupervisorSpec, random: Random | None = None) -> None:
        self.now = 0.0
        self.random = random or Random(0)
        self.orders: list[str] = []
        """Every verdict, in words."""
        self.trace: list[tuple[str, ...]] = []
        """What came of them, in the words of the oracle."""
        self.top = Node(spec, ".", None, self.random)

    # What the worlds do differently.

    @abstractmethod
    def launch(self, process: Process) -> None:
        """Somebody started *process*."""

    @abstractmethod
    def stop(self, child: Child) -> None:
        """Somebody told *child* to stop."""

    @abstractmethod
    def tell(self, node: Node, message: Message) -> None:
        """Put *message* in the mailbox of *node*."""

    # What a node does.

    def handle(self, node: Node, message: Message) -> None:
        """Let *node* deal with *message*, if it has not ended."""
        if node.end is None:
            self.carry_out(node, message.decide(node.ledger, self.now))
        elif message.asked is not None:
            message.asked.answers.append("ended")

    def carry_out(self, node: Node, orders: list[Verdict]) -> None:
        """Do what the ledger of *node* has decided."""
        for order in orders:
            self.orders.append(in_words(node.path, order))
            match order:
                case verdicts.Start(name):
                    self._start(node, name)
                case verdicts.Stop(name):
                    self._check_order(node, name)
                    self.stop(node.children[name])
                case verdicts.Wait(name, delay, token):
                    assert name not in node.waits, f"two waits for {name}"
                    node.waits[name] = (self.now + delay, token)
                case verdicts.CancelWait(name):
                    node.waits.pop(name, None)
                case verdicts.Reply(Asked() as asked, error):
                    asked.answers.append(word(error))
                    assert asked.answer is not None
                case verdicts.Forget(name):
                    assert name not in node.children or not node.children.pop(name).is_alive
                case verdicts.Booted():
                    self._booted(node)
                case verdicts.Ending(end) if end.limit:
                    self.trace.append(("gave_up", node.path, end.culprits[0][0]))
                case End():
                    assert order is orders[-1]
                    self._ended(node, order)
                case _:
                    pass

    def _check_order(self, node: Node, name: str) -> None:
        """A supervisor that ends stops its children in reverse start order."""
        if node.ledger.end is not None:
            place = list(node.ledger.entries).index(name)
            assert place < node.last_stop, f"{name} is stopped after one that started before it"
            node.last_stop = place

    def _start(self, node: Node, name: str) -> None:
        before = node.children.get(name)
        assert before is None or not before.is_alive, f"{name} is started while it lives"
        spec = node.ledger.entries[name].spec
        if isinstance(spec, ChildSpec):
            node.children[name] = process = Process(node, spec)
            self.launch(process)
        else:
            node.children[name] = below = Node(spec, join(node.path, name), node, self.random)
            self.tell(below, BOOT)

    def _booted(self, node: Node) -> None:
        node.ready_at = self.now
        self.trace.append(("up", node.path))
        if node.above is not None:
            name = node.spec.name
            self.tell(node.above, Message(lambda ledger, now: ledger.on_ready(name, now)))

    def _ended(self, node: Node, end: End) -> None:
        assert node.end is None
        alive = [one for one in node.children.values() if one.is_alive and not one.is_stuck]
        assert not alive, f"{node.path} ends before {alive}"
        node.end = end
        healthy_for = 0.0 if node.ready_at is None else self.now - node.ready_at
        was_refused = bool(end.culprits) and not end.limit and all(exit.was_refused for _, exit in end.culprits)
        node.exit = Exit(end.reason, healthy_for=healthy_for, was_refused=was_refused)
        if end.reason in (Reason.STOPPED, Reason.FAILED_TO_START):
            self.trace.append(("stop" if end.reason is Reason.STOPPED else "failed", node.path))
        if node.above is not None:
            self.tell(node.above, gone(node, node.spec.name, node.exit))

    # What a test looks at.

    def find(self, path: str) -> Node | None:
        """The living supervisor at *path*."""
        node: Child | None = self.top
        for name in path.split("/") if path != "." else []:
            node = node.children.get(name) if isinstance(node, Node) else None
        return node if isinstance(node, Node) and node.is_alive else None

    def process(self, path: str) -> Process | None:
        """The living process at *path*."""
        parent, _, name = path.rpartition("/")
        node = self.find(parent or ".")
        found = node.children.get(name) if node is not None else None
        return found if isinstance(found, Process) and found.is_alive else None

    def take(self) -> list[str]:
        """What was ordered since the last time."""
        taken, self.orders = self.orders, []
        return taken


BOOT = Message(lambda ledger, now: ledger.boot(now))


def gone(child: Child, name: str, exit: Exit) -> Message:
    """The news that *child* has ended."""
    return Message(lambda ledger, now: ledger.on_gone(name, exit, now), child)
