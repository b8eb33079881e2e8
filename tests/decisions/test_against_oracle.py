"""Random trees, where every start and stop is done at once, behave as the naive statement of the rules says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import groupby
from typing import Any

import attrs
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.decisions import oracle as naive
from tests.decisions.conftest import for_machines
from tests.decisions.instant import Instant
from tests.decisions.oracle import Event, Oracle
from tests.decisions.random_trees import Shown, children, concise, supervisors
from tests.decisions.world import Node

from regrow._decisions.calls import Call, DeleteChild, RestartChild, StartChild, StartNamed, StopChild
from regrow._specs.exit import Reason
from regrow._specs.supervisor import DynamicSpec, SupervisorSpec, join

CALLS: st.SearchStrategy[Callable[[str], Call]] = st.sampled_from([StartNamed, StopChild, RestartChild, DeleteChild])
REASONS = st.sampled_from([Reason.CRASHED, Reason.HUNG, Reason.LOST, Reason.NORMAL, Reason.NORMAL])


class Plan:
    """Which starts fail: the next ones at each path, in the order in which they are made."""

    def __init__(self) -> None:
        self.next: dict[str, list[bool]] = defaultdict(list)

    def fails(self, path: str) -> bool:
        return bool(self.next[path]) and self.next[path].pop(0)


class LedgersAndOracle(RuleBasedStateMachine):
    """Both are told the same; what they did is compared after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.plans = (Plan(), Plan())
        self.is_up = False
        self.dynamic: set[str] = set()
        self.answers: list[tuple[Node, Call, Callable[[], str | None], Callable[[], str]]] = []

    @initialize(shown=concise(supervisors()), data=st.data())
    def boot(self, shown: Shown, data: st.DataObject) -> None:
        spec = shown.spec
        ours, theirs = self.plans
        self.world = Instant(spec, lambda process: ours.fails(process.path))
        self.oracle = Oracle(spec, theirs.fails)
        for path in paths(spec) if data.draw(st.integers(0, 4)) == 4 else []:
            self.plan(path, data.draw(st.sampled_from([[], [], [False, True], [True]])))
        self.is_up = self.oracle.boot()
        assert self.world.boot() == self.is_up

    @rule(data=st.data())
    @precondition(lambda self: self.is_up)
    def one_thing(self, data: st.DataObject) -> None:
        self.draw(data)

    @rule(data=st.data(), count=st.integers(2, 4))
    @precondition(lambda self: self.is_up)
    def several_at_once(self, data: st.DataObject, count: int) -> None:
        # While a start is failing, calls that have nothing to do with it overtake those that have: unlike OTP's.
        may_fail = any(True in outcomes for outcomes in self.plans[0].next.values())
        for _ in range(2 if may_fail else count):
            self.draw(data)

    @rule(data=st.data())
    @precondition(lambda self: self.is_up)
    def some_starts_will_fail(self, data: st.DataObject) -> None:
        processes = [path for path, spec in self.known().items() if not isinstance(spec, SupervisorSpec | DynamicSpec)]
        if processes:
            outcomes = data.draw(st.lists(st.booleans(), min_size=1, max_size=4))
            self.plan(data.draw(st.sampled_from(processes)), outcomes)

    @rule(seconds=st.sampled_from([0.5, 2.0, 6.0]))
    @precondition(lambda self: self.is_up)
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds
        self.oracle.now += seconds

    @rule(dice=st.integers(0, 9))
    @precondition(lambda self: self.is_up)
    def an_order_to_stop(self, dice: int) -> None:
        if dice == 9:
            self.world.shut_down()
            self.oracle.news.append(self.oracle.shut_down)

    @rule(call=CALLS)
    @precondition(lambda self: not self.is_up)
    def a_call_on_a_tree_that_has_ended(self, call: Callable[[str], Call]) -> None:
        asked = self.world.ask(call("a"))
        assert asked.answer == "ended"

    @invariant()
    def both_did_the_same(self) -> None:
        if not hasattr(self, "world"):
            return
        self.dynamic |= {node.path for node in self.world.top.nodes() if isinstance(node.spec, DynamicSpec)}
        self.world.settle()
        self.oracle.settle()
        note(f"  {self.oracle.trace}")
        assert normal(self.dynamic, self.world.trace) == normal(self.dynamic, self.oracle.trace)
        self.world.trace.clear()
        self.oracle.trace.clear()
        for node, request, ours, theirs in self.answers:
            # One that takes its time when the supervisor gives up is told that; OTP's stops take none.
            assert ours() == theirs() or (ours() == "ended" and not node.is_alive), request
        self.answers.clear()
        end = self.world.top.end
        assert (end and end.reason.value) == self.oracle.ended
        self.is_up = self.is_up and end is None
        if self.is_up:
            self.compare(self.world.top)

    def compare(self, node: Node) -> None:
        theirs = self.oracle.find(node.path)
        assert theirs is not None
        assert self.world.states(node.path) == theirs.which_children()[::-1]
        assert self.world.count(node.path) == theirs.count_children()
        assert list(node.ledger.budget.ages(self.world.now)) == theirs.ages()
        for below in node.children.values():
            if isinstance(below, Node) and below.is_alive:
                self.compare(below)
            elif isinstance(below, Node):
                assert self.oracle.find(below.path) is None

    # -- what is drawn

    def draw(self, data: st.DataObject) -> None:
        """Something that happens now, and is looked at later."""
        living = [process.path for process in self.world.top.processes() if process.is_alive]
        if living and data.draw(st.integers(0, 2)):
            self.exit(data.draw(st.sampled_from(living)), data.draw(REASONS))
        else:
            node = data.draw(st.sampled_from(list(self.world.top.nodes())))
            self.call(data, node)

    def exit(self, path: str, reason: Reason) -> None:
        note(f"{path}: {reason}")
        assert self.world.exit(path, reason)
        parent, _, name = path.rpartition("/")
        above = self.oracle.find(parent or ".")
        assert above is not None
        entry = above.find(name)
        assert entry is not None
        assert entry.is_alive
        above.hear(entry, reason)

    def call(self, data: st.DataObject, node: Node) -> None:
        request = self.request(data, node)
        note(f"{node.path}: {type(request).__name__} {request.name}")
        asked = self.world.ask(request, node.path)
        answer: list[str] = []
        supervisor = self.oracle.find(node.path)
        assert supervisor is not None
        self.oracle.news.append(lambda: answer.append(ask(supervisor, request)))
        self.answers.append((node, request, lambda: asked.answer, lambda: answer[0]))

    def request(self, data: st.DataObject, node: Node) -> Call:
        dice = data.draw(st.integers(0, 5))
        if dice == 5:
            name = data.draw(st.sampled_from("abcdefg"))
            shutdown = node.spec.auto_shutdown
            if data.draw(st.booleans()):
                return StartChild(data.draw(concise(supervisors(1, name=name))).spec)
            return StartChild(data.draw(concise(children(shutdown, name=name))).spec)
        if dice > 2 and isinstance(node.spec, DynamicSpec) and node.spec.template is not None:
            return StartChild(attrs.evolve(node.spec.template, name=data.draw(st.sampled_from("pqrs"))))
        names = [*node.ledger.entries, "nobody"]
        call = data.draw(CALLS)
        return call(data.draw(st.sampled_from(names)))

    def plan(self, path: str, outcomes: list[bool]) -> None:
        note(f"{path} will fail: {outcomes}")
        for one in self.plans:
            one.next[path] = list(outcomes)

    def known(self) -> dict[str, object]:
        return {
            join(node.path, name): entry.spec
            for node in self.world.top.nodes()
            for name, entry in node.ledger.entries.items()
        }


def ask(supervisor: naive.Supervisor, request: Call) -> str:
    """The answer of the oracle."""
    if supervisor.has_ended:
        return "ended"
    answers: dict[type[Call], Callable[[Any], str]] = {
        StartNamed: supervisor.start_child,
        StopChild: supervisor.stop_child,
        RestartChild: supervisor.restart_child,
        DeleteChild: supervisor.delete_child,
    }
    if isinstance(request, StartChild):
        return supervisor.add_child(request.spec)
    return answers[type(request)](request.name)


def paths(spec: SupervisorSpec | DynamicSpec, at: str = ".") -> list[str]:
    """Of all processes of a spec."""
    found = []
    for child in spec.children if isinstance(spec, SupervisorSpec) else ():
        path = join(at, child.name)
        found += paths(child, path) if isinstance(child, SupervisorSpec | DynamicSpec) else [path]
    return found


def normal(dynamic: set[str], trace: list[Event]) -> list[Event]:
    """The stops below a dynamic supervisor are simultaneous: let them stand sorted."""

    def above(event: Event) -> str | None:
        ancestors = [path for path in dynamic if path == "." or event[1].startswith(f"{path}/")]
        return min(ancestors, key=len) if ancestors and event[0] == "stop" and event[1] != "." else None

    return [event for key, run in groupby(trace, above) for event in (sorted(run) if key else run)]


TestLedgersAndOracle = LedgersAndOracle.TestCase
TestLedgersAndOracle.settings = for_machines()
