"""A world in which starts and stops take their time, and a test says what happens next.

Everybody has a mailbox, as the actors have. What happens to a process, and what is asked, puts a message there; to
deal with that is a step of its own, unless the world is *prompt*.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from tests.decisions.trees import tree
from tests.decisions.world import BOOT, Asked, Child, Message, Node, Process, World, gone

from regrow._decisions.calls import Call
from regrow._decisions.entries import Remains
from regrow._decisions.verdicts import End
from regrow._specs.exit import Exit, Reason
from regrow._specs.readiness import Completes
from regrow._specs.supervisor import AnySpec, AnySupervisorSpec, join

ENDS = (Reason.CRASHED, Reason.NORMAL)


class Slow(World):
    """Every method is something that happens; prompt worlds deal with it before it returns."""

    def __init__(self, spec: AnySupervisorSpec, random: Random | None = None, *, is_prompt: bool = True) -> None:
        super().__init__(spec, random)
        self.is_prompt = is_prompt
        self._reading: set[Node] = set()

    # -- what happens to processes

    def ready(self, path: str) -> None:
        """The process at *path* can do its work."""
        process = self._starting(path)
        process.is_ready = True
        name = process.spec.name
        self.tell(process.node, Message(lambda ledger, now: ledger.on_ready(name, now)))

    def completed(self, path: str) -> None:
        """The process at *path*, which is ready when it has ended well, has."""
        process = self._starting(path)
        process.is_alive = False
        name, exit = process.spec.name, Exit(Reason.NORMAL, code=0)
        self.tell(process.node, Message(lambda ledger, now: ledger.on_completed(name, exit, now), process))

    def failed(self, path: str, **facts: Any) -> None:
        """The start of the process at *path* fails."""
        self._over(self._starting(path), Exit(Reason.FAILED_TO_START, **facts))

    def ended(self, path: str, reason: Reason = Reason.CRASHED, **facts: Any) -> None:
        """The process at *path* ends by itself."""
        process = self._process(path)
        assert process.is_ready
        assert not process.is_stopping
        process.is_stuck = False
        self._over(process, Exit(reason, **facts))

    def stopped(self, path: str) -> None:
        """The process at *path*, which was told to stop, or was stuck, is gone."""
        process = self._process(path)
        assert process.is_stopping or process.is_stuck
        by_itself = Reason.CRASHED if process.is_ready else Reason.FAILED_TO_START
        self._over(process, Exit(Reason.STOPPED if process.is_stopping else by_itself))

    def still_there(self, path: str) -> None:
        """The process at *path* is still there after the kill."""
        process = self._process(path)
        assert process.is_stopping or not process.is_ready
        self._stuck(process)

    def left_something(self, path: str) -> None:
        """The process at *path* has ended by itself, and a stray of it is still there after the kill."""
        process = self._process(path)
        assert process.is_ready
        assert not process.is_stopping
        self._stuck(process)

    def _stuck(self, process: Process) -> None:
        assert not process.is_stuck
        process.is_stuck = True
        name = process.spec.name
        self.tell(process.node, Message(lambda ledger, now: ledger.on_stuck(name, Remains(7, 5.0), now)))

    def _over(self, process: Process, exit: Exit) -> None:
        process.is_alive = False
        self.tell(process.node, gone(process, process.spec.name, exit))

    # -- what else happens

    def boot(self, *ready: str) -> None:
        """Start; those at *ready* become ready, in this order."""
        self.tell(self.top, BOOT)
        for path in ready:
            self.ready(path)

    def boot_all(self) -> None:
        """Start, and let everything become ready."""
        self.boot()
        self.let_start()
        self.take()

    def let_start(self) -> None:
        """Let everything become ready that is on its way up."""
        while starting := [one for one in self.top.processes() if is_starting(one)]:
            self.ready(starting[0].path)

    def let_stop(self) -> None:
        """Let everything go that is on its way down."""
        while stopping := [one for one in self.top.processes() if is_stopping(one)]:
            self.stopped(stopping[0].path)

    def settle(self) -> None:
        """Let everything go or become ready that is on its way."""
        while any(is_starting(one) or is_stopping(one) for one in self.top.processes()):
            self.let_stop()
            self.let_start()

    def due(self) -> None:
        """The wait that is over first is over."""
        until, path, token = min(self.waits())
        self.now = max(self.now, until)
        parent, _, name = path.rpartition("/")
        node = self.find(parent or ".")
        assert node is not None
        del node.waits[name]
        self.tell(node, Message(lambda ledger, now: ledger.on_due(name, token, now)))

    def ask(self, request: Call, at: str = ".") -> Asked:
        """Ask the supervisor at a path for something."""
        asked, node = Asked(request), self.find(at)
        assert node is not None
        self.tell(node, Message(lambda ledger, now: ledger.ask(asked, request, now), asked=asked))
        return asked

    def withdraw(self, asked: Asked, at: str = ".") -> None:
        """Whoever asked does not want it any more."""
        node = self.find(at)
        assert node is not None
        name = asked.request.name
        self.tell(node, Message(lambda ledger, now: ledger.withdraw(asked, name, now)))

    def shut_down(self) -> None:
        """The top supervisor is told to stop."""
        self.tell(self.top, Message(lambda ledger, now: ledger.shut_down(now)))

    # -- mail

    def tell(self, node: Node, message: Message) -> None:
        node.mailbox.append(message)
        if self.is_prompt and node not in self._reading:
            self._reading.add(node)
            while node.mailbox:
                self.read(node)
            self._reading.remove(node)

    def read(self, node: Node) -> None:
        """*node* deals with the oldest of its mail."""
        self.handle(node, node.mailbox.popleft())

    def unread(self) -> list[Node]:
        """Those who have mail."""
        return [node for node in self.top.nodes() if node.mailbox]

    # -- what is to be seen

    def waits(self) -> Iterator[tuple[float, str, int]]:
        """Until when which path waits for its restart, and with which token."""
        for node in self.top.nodes():
            yield from ((until, join(node.path, name), token) for name, (until, token) in node.waits.items())

    def state(self, path: str) -> str:
        """What a child does; `""` if there is no such entry."""
        parent, _, name = path.rpartition("/")
        node = self.find(parent or ".")
        entry = node.ledger.entries.get(name) if node is not None else None
        return "" if entry is None else entry.state.value

    def states(self, at: str = ".") -> str:
        """What all children of a supervisor do, in start order."""
        node = self.find(at)
        assert node is not None
        return ", ".join(f"{name} {entry.state.value}" for name, entry in node.ledger.entries.items())

    def _process(self, path: str) -> Process:
        process = self.process(path)
        assert process is not None, f"{path} does not live"
        return process

    def _starting(self, path: str) -> Process:
        process = self._process(path)
        assert is_starting(process), f"{path} is not on its way up"
        return process

    # -- what is done

    def launch(self, process: Process) -> None:
        pass

    def stop(self, child: Child) -> None:
        if isinstance(child, Node):
            if child.is_alive:
                self.tell(child, Message(lambda ledger, now: ledger.shut_down(now)))
        elif child.is_alive:
            child.is_stopping = True

    def _ended(self, node: Node, end: End) -> None:
        super()._ended(node, end)
        unread, node.mailbox = node.mailbox, deque()
        for message in unread:
            self.handle(node, message)


def is_starting(process: Process) -> bool:
    """Whether it may still become ready, or fail to."""
    return process.is_alive and not (process.is_ready or process.is_stopping or process.is_stuck)


def is_stopping(process: Process) -> bool:
    """Whether it is on its way down."""
    return process.is_alive and process.is_stopping and not process.is_stuck


def may_complete(process: Process) -> bool:
    """Whether it is ready by ending well."""
    return is_starting(process) and isinstance(process.spec.ready, Completes)


def opened(spec: AnySupervisorSpec) -> Slow:
    """The tree of *spec*, up, and nobody has looked at it yet."""
    world = Slow(spec)
    world.boot_all()
    return world


def booted(*specs: AnySpec | str | Iterable[AnySpec], **fields: Any) -> Slow:
    """The supervisor that `tree` makes, up."""
    return opened(tree(*specs, **fields))


def calm(world: Slow) -> list[str]:
    """What is ordered until everything has become ready or is gone."""
    world.settle()
    return world.take()
