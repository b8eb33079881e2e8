"""A world in which every start and stop is done at once: OTP's, whose supervisor is deaf meanwhile.

What the supervisors are told waits in one line. The result of an order comes before it, with one exception: a start
that fails in a restart. OTP tells itself to try again, behind what waits already; so that failure is told there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tests.decisions.world import BOOT, Asked, Child, Message, Node, Process, World, gone

from regrow._decisions.calls import Call
from regrow._decisions.operation import Bounce
from regrow._specs.exit import Exit, Reason
from regrow._specs.readiness import Completes
from regrow._specs.status import State
from regrow._specs.supervisor import AnySupervisorSpec


class Instant(World):
    """It asks *fails*, once for each start of a process, whether it does."""

    def __init__(self, spec: AnySupervisorSpec, fails: Callable[[Process], bool] = lambda process: False) -> None:
        super().__init__(spec)
        self.fails = fails
        self.results: deque[tuple[Node, Message]] = deque()
        self.news: deque[tuple[Node, Message]] = deque()
        self.held: Node | None = None
        """Who does not look at its news."""

    # -- what a test does

    def boot(self) -> bool:
        """Start everything; whether that succeeded."""
        self.tell(self.top, BOOT)
        self.settle()
        return self.top.ledger.is_booted

    def settle(self) -> None:
        """Let everybody deal with everything."""
        while self.results or any(node is not self.held for node, _ in self.news):
            self.handle(*(self.results.popleft() if self.results else self._next()))

    def exit(self, path: str, reason: Reason = Reason.CRASHED) -> bool:
        """Let the process at *path* end by itself, without settling; whether it was up."""
        process = self.process(path)
        if process is None or process.is_stopping or not process.is_ready:
            return False
        process.is_alive = False
        self.tell(process.node, gone(process, process.spec.name, Exit(reason)))
        return True

    def ask(self, request: Call, at: str = ".") -> Asked:
        """Ask the supervisor at a path for something, without settling."""
        asked, node = Asked(request), self.find(at)
        if node is None:
            asked.answers.append("ended")
        else:
            message = Message(lambda ledger, now: ledger.ask(asked, request, now), asked=asked)
            self.news.append((node, message))
        return asked

    def shut_down(self) -> None:
        """Tell the top supervisor to stop, without settling."""
        self.news.append((self.top, Message(lambda ledger, now: ledger.shut_down(now))))

    def do(self, *exits: str | Call) -> list[str | None]:
        """Exits (a path; `=path` is a good end) and calls, one after the other; the answers to the calls."""
        asked = []
        for one in exits:
            if isinstance(one, str):
                assert self.exit(one.lstrip("="), Reason.NORMAL if one.startswith("=") else Reason.CRASHED)
            else:
                asked.append(self.ask(one))
            self.settle()
        return [one.answer for one in asked]

    # -- what is to be seen

    def states(self, path: str = ".") -> list[tuple[str, str]]:
        """What the children of a supervisor do, in start order."""
        node = self.find(path)
        assert node is not None
        return [(name, self.state(node, name)) for name in node.ledger.entries]

    def state(self, node: Node, name: str) -> str:
        """What one child does. A start that has failed, which nobody has been told yet, is a restart."""
        match node.ledger.entries[name].state:
            case State.READY:
                return "up"
            case State.STARTING:
                return "restarting"
            case state:
                return state.value

    def count(self, path: str = ".") -> tuple[int, int, int, int]:
        """Entries; how many are alive; supervisors; processes."""
        node = self.find(path)
        assert node is not None
        found = node.ledger.count()
        alive = sum(node.children[name].is_alive for name in node.ledger.entries if name in node.children)
        return found.entries, alive, found.supervisors, found.processes

    # -- what happens

    def launch(self, process: Process) -> None:
        path, name = process.path, process.spec.name
        process.is_ready = not self.fails(process)
        self.trace.append(("start" if process.is_ready else "failed", path))
        if not process.is_ready:
            process.is_alive = False
            self.tell(process.node, gone(process, name, Exit(Reason.FAILED_TO_START)))
        elif isinstance(process.spec.ready, Completes):
            process.is_alive = False
            exit = Exit(Reason.NORMAL, code=0)
            self.tell(process.node, Message(lambda ledger, now: ledger.on_completed(name, exit, now)))
        else:
            self.tell(process.node, Message(lambda ledger, now: ledger.on_ready(name, now)))

    def stop(self, child: Child) -> None:
        if not child.is_alive:  # its end is told now, not in its turn
            told = next(one for one in self.news if one[1].about is child)
            self.news.remove(told)
            self.results.append(told)
        elif isinstance(child, Node):
            self.results.append((child, Message(lambda ledger, now: ledger.shut_down(now))))
        else:
            child.is_alive = False
            self.trace.append(("stop", child.path))
            self.tell(child.node, gone(child, child.spec.name, Exit(Reason.STOPPED)))

    def tell(self, node: Node, message: Message) -> None:
        is_result = message.about is None or self._is_result(node, message.about)
        (self.results if is_result else self.news).append((node, message))

    def _is_result(self, node: Node, child: Child) -> bool:
        entry = node.ledger.entries[child.spec.name]
        if entry.state is State.STARTING:
            assert entry.operation is not None
            return not isinstance(entry.operation.purpose, Bounce)
        return entry.state is State.STOPPING

    def _next(self) -> tuple[Node, Message]:
        told = next(one for one in self.news if one[0] is not self.held)
        self.news.remove(told)
        return told
