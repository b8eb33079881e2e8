"""What must hold in any order of events: random trees with backoffs, whose starts and stops take their time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.decisions.conftest import for_machines
from tests.decisions.random_trees import Shown, children, concise, supervisors
from tests.decisions.slow import Slow, is_starting, is_stopping, may_complete
from tests.decisions.world import Asked, Node, Process

from regrow._decisions.calls import Call, DeleteChild, RestartChild, StartChild, StartNamed, StopChild
from regrow._specs.child import ChildSpec, Restart
from regrow._specs.exit import Reason
from regrow._specs.status import State
from regrow._specs.supervisor import DynamicSpec

NAMED: st.SearchStrategy[Callable[[str], Call]] = st.sampled_from([StartNamed, StopChild, RestartChild, DeleteChild])
PATIENCE = 3000
"""So many things happen at most until nothing is under way any more."""

Happening = tuple[str, Callable[[], None]]


class SlowWorld(RuleBasedStateMachine):
    """Hypothesis says which of the things that may happen next does."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Asked] = []
        self.withdrawn: list[Asked] = []
        self.touched: list[Node] = []
        """Supervisors that were asked for something."""
        self.is_up = False

    @initialize(shown=concise(supervisors(backoff=True)))
    def boot(self, shown: Shown) -> None:
        self.world = Slow(shown.spec, is_prompt=False)
        self.world.boot()
        self.is_up = True

    # -- what happens

    @rule(data=st.data(), count=st.integers(1, 6))
    @precondition(lambda self: self.is_up)
    def things_happen(self, data: st.DataObject, count: int) -> None:
        for _ in range(count):
            if happenings := self.happenings():
                name, happen = happenings[data.draw(st.integers(0, len(happenings) - 1))]
                note(name)
                happen()

    @rule(data=st.data())
    @precondition(lambda self: self.is_up)
    def somebody_asks(self, data: st.DataObject) -> None:
        node = data.draw(st.sampled_from(list(self.world.top.nodes())))
        request = self.request(data, node)
        note(f"{node.path}: {type(request).__name__} {request.name}")
        self.asked.append(self.world.ask(request, node.path))
        self.touched.append(node)

    @rule(data=st.data())
    @precondition(lambda self: self.is_up)
    def a_caller_is_cancelled(self, data: st.DataObject) -> None:
        pending = [one for one in self.asked if one.answer is None and one not in self.withdrawn]
        starts = [one for one in pending if isinstance(one.request, StartChild | StartNamed)]
        if starts:
            asked = data.draw(st.sampled_from(starts))
            self.withdrawn.append(asked)
            note(f"withdrawn: {asked.request.name}")
            for node in self.world.top.nodes():
                self.world.withdraw(asked, node.path)

    @rule(data=st.data())
    @precondition(lambda self: self.is_up)
    def a_supervisor_is_never_deaf(self, data: st.DataObject) -> None:
        node = data.draw(st.sampled_from(list(self.world.top.nodes())))
        while node.mailbox:
            self.world.read(node)
        names = [*self.independent(node), "nobody"] if node.is_alive else []
        for name in names:
            asked = self.world.ask(DeleteChild(name), node.path)
            self.world.read(node)
            refusal = "not_found" if name == "nobody" else "running"
            assert asked.answer == ("ended" if node.ledger.end else refusal)

    @rule(seconds=st.sampled_from([0.5, 2.0, 6.0]))
    @precondition(lambda self: self.is_up)
    def time_passes(self, seconds: float) -> None:
        until = min((until for until, _, _ in self.world.waits()), default=self.world.now + seconds)
        self.world.now = min(self.world.now + seconds, until)

    @rule()
    def everything_calms_down(self) -> None:
        self.calm()
        if self.world.top.is_alive:
            self.nothing_waits_for_ever()

    @rule(dice=st.integers(0, 9))
    @precondition(lambda self: self.is_up)
    def an_order_to_stop(self, dice: int) -> None:
        if dice == 9:
            self.world.shut_down()
            self.calm()
            assert not self.world.top.is_alive

    # -- what must hold

    @invariant()
    def every_order_was_right(self) -> None:
        """The world itself checks each order that it carries out."""
        self.is_up = hasattr(self, "world") and self.world.top.is_alive

    @invariant()
    def the_budget_is_never_exceeded(self) -> None:
        for node in self.world.top.nodes() if self.is_up else ():
            assert node.ledger.end or len(node.ledger.budget.ages(self.world.now)) <= node.spec.max_restarts

    @invariant()
    def one_stop_at_a_time(self) -> None:
        for node in self.world.top.nodes() if self.is_up else ():
            for operation in {entry.operation for entry in node.ledger.entries.values()} - {None}:
                assert operation is not None
                assert operation.together or len(operation.stopping) + len(operation.starting) <= 1

    def teardown(self) -> None:
        if hasattr(self, "world"):
            if self.world.top.is_alive:
                self.world.shut_down()
            self.calm()
            assert not self.world.top.is_alive
            assert not [process for process in self.world.top.processes() if process.is_alive and not process.is_stuck]
            for asked in self.asked:
                assert asked.answer is not None or asked in self.withdrawn, asked.request

    def calm(self) -> None:
        """Let everything become ready or go, until nothing is under way any more."""
        for _ in range(PATIENCE):
            if not (happenings := list(self.calming())):
                return
            happenings[0][1]()
        raise AssertionError("it never calms down")

    def nothing_waits_for_ever(self) -> None:
        for node in self.world.top.nodes():
            assert not node.ledger._waiting
            for name, entry in node.ledger.entries.items():
                assert entry.operation is None, name
                assert entry.state in (State.READY, State.DOWN), name
                assert (entry.state is State.READY) == (name in node.children and node.children[name].is_alive)
            if node not in self.touched:
                self.all_permanent_children_are_up(node)
        for asked in self.asked:
            assert asked.answer is not None or asked in self.withdrawn, asked.request

    def all_permanent_children_are_up(self, node: Node) -> None:
        for name, entry in node.ledger.entries.items():
            is_one_shot = isinstance(entry.spec, ChildSpec) and entry.spec.ready is not None
            if entry.spec.restart is Restart.PERMANENT and entry.spec.autostart and not is_one_shot:
                assert entry.state is State.READY, name

    # -- what may happen

    def happenings(self) -> list[Happening]:
        found = list(self.calming())
        for process in living(self.world):
            found += [(f"{what} {process.path}", happen) for what, happen in self.mischief(process)]
        return found

    def calming(self) -> list[Happening]:
        """What happens when nobody makes trouble: mail first, then processes, then waits."""
        world = self.world
        found: list[Happening] = [(f"{node.path} reads", partial(world.read, node)) for node in world.unread()]
        for process in living(world):
            if is_stopping(process) or (process.is_alive and process.is_stuck):
                found.append((f"gone {process.path}", partial(world.stopped, process.path)))
            elif may_complete(process):
                found.append((f"completed {process.path}", partial(world.completed, process.path)))
            elif is_starting(process):
                found.append((f"ready {process.path}", partial(world.ready, process.path)))
        if any(world.waits()):
            found.append(("due", world.due))
        return found

    def mischief(self, process: Process) -> list[Happening]:
        world, path = self.world, process.path
        if is_starting(process):
            refused = partial(world.failed, path, was_refused=True)
            return [
                ("failed", partial(world.failed, path)),
                ("refused", refused),
                ("not ready, and stuck:", partial(world.still_there, path)),
            ]
        if is_stopping(process):
            return [("stuck", partial(world.still_there, path))]
        if process.is_alive and not process.is_stuck:
            long = {"healthy_for": 20.0}
            return [
                ("crashed", partial(world.ended, path)),
                ("crashed late", partial(world.ended, path, **long)),
                ("lost", partial(world.ended, path, Reason.LOST, loss="engine")),
                ("ended well", partial(world.ended, path, Reason.NORMAL)),
                ("ended, and left something:", partial(world.left_something, path)),
            ]
        return []

    def independent(self, node: Node) -> list[str]:
        """The children that are up, and that nothing that is under way concerns."""
        ledger = node.ledger
        if ledger.end is not None:
            return []
        concerned = {name for item in ledger._waiting for name in ledger._scope(item)}
        entries = [entry for name, entry in ledger.entries.items() if name not in concerned]
        return [entry.name for entry in entries if entry.operation is None and entry.state is State.READY]

    def request(self, data: st.DataObject, node: Node) -> Call:
        dice = data.draw(st.integers(0, 5))
        if dice == 5:
            name = data.draw(st.sampled_from("abcdefg"))
            specs = children(node.spec.auto_shutdown, name=name, backoff=True)
            return StartChild(data.draw(concise(specs)).spec)
        if dice > 2 and isinstance(node.spec, DynamicSpec) and node.spec.template is not None:
            return StartChild(attrs.evolve(node.spec.template, name=data.draw(st.sampled_from("pqrs"))))
        call = data.draw(NAMED)
        return call(data.draw(st.sampled_from([*node.ledger.entries, "nobody"])))


def living(world: Slow) -> list[Process]:
    """The processes that somebody still cares for."""
    return [process for process in world.top.processes() if process.is_alive and process.node.is_alive]


TestSlowWorld = SlowWorld.TestCase
TestSlowWorld.settings = for_machines()
