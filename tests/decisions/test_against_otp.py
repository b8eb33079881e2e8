"""What OTP's supervisor does, recorded in otp/tables.json, is what the ledger decides. See otp/README.md."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from enum import Enum, auto
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from tests.decisions.instant import Instant
from tests.decisions.world import Asked, Message, Node, Process

from regrow._decisions.calls import Call, DeleteChild, StartChild, StartNamed, StopChild
from regrow._decisions.ledger import Ledger
from regrow._decisions.verdicts import Verdict
from regrow._specs.child import ChildSpec
from regrow._specs.exit import Reason
from regrow._specs.status import State
from regrow._specs.supervisor import AnySpec, DynamicSpec, SupervisorSpec

Data: TypeAlias = dict[str, Any]

TABLES = Path(__file__).parent / "otp" / "tables.json"
SCENARIOS: list[Data] = json.loads(TABLES.read_text())["scenarios"]  # a missing table is an error, no test is skipped

COUNTS = ["specs", "active", "supervisors", "workers"]
REFUSALS = ("running", "already_running", "not_found", "restarting", "already_present")


class Between(Enum):
    """Stands for what a question finds in the middle of things."""

    BETWEEN = auto()


ENDED = {
    Reason.GAVE_UP: "gave_up",
    Reason.NORMAL: "auto_shutdown",
    Reason.STOPPED: "asked",
    Reason.FAILED_TO_START: "start_failed",
}


class Run:
    """One scenario, as our ledgers play it."""

    def __init__(self, scenario: Data) -> None:
        self.attempts: Counter[str] = Counter()
        self.made_during: list[object] = []
        self.dynamic: set[str] = set()
        self.world = Instant(self.supervisor(scenario["supervisor"]), self.is_failing)

    # -- specs

    def supervisor(self, data: Data, **entry: Any) -> SupervisorSpec | DynamicSpec:
        common = {"name": data["name"], "max_restarts": data["max_restarts"], "window": data["window"]} | entry
        if "template" in data:
            args, restart = data["template"]["args"], data["template"]["restart"]
            template = ChildSpec(name="template", command=["t", *args], restart=restart, backoff=None)
            return DynamicSpec(**common, backoff=None, template=template)
        children = [self.entry(child) for child in data["children"]]
        auto_shutdown, strategy = data["auto_shutdown"], data["strategy"]
        return SupervisorSpec(**common, backoff=None, children=children, strategy=strategy, auto_shutdown=auto_shutdown)

    def entry(self, data: Data) -> AnySpec:
        fields = {"name": data["name"], "restart": data["restart"], "significant": data["significant"]}
        if "supervisor" in data:
            return self.supervisor(data["supervisor"], **fields)
        return ChildSpec(**fields, command=["worker"], env={"PLAN": json.dumps(data)}, backoff=None)

    def is_failing(self, process: Process) -> bool:
        self.attempts[process.path] += 1
        number = self.attempts[process.path]
        plan = json.loads(process.spec.env["PLAN"])
        self.made_during += [self.deliver(step) for step in plan.get("during", {}).get(str(number), [])]
        return number in plan["fails"]

    # -- steps

    def boot(self) -> str:
        return "ok" if self.world.boot() else "failed"

    def make(self, step: Data) -> object:
        """Make one step and let everything settle; the answer."""
        if step["do"] == "together":
            return self.crowd(step["steps"])
        pending = self.deliver(step)
        self.world.settle()
        return answer_of(pending)

    def crowd(self, steps: list[Data]) -> object:
        """All steps, before the highest supervisor that they concern looks."""
        target = min((at(step) for step in steps), key=len)
        self.world.held = self.world.find(target or ".")
        pending = [self.deliver(step) if at(step) == target else self.make_now(step) for step in steps]
        self.world.held = None
        self.world.settle()
        return [answer_of(one) for one in pending]

    def make_now(self, step: Data) -> object:
        pending = self.deliver(step)
        self.world.settle()
        return pending

    def deliver(self, step: Data) -> object:
        """Put one step into the mailbox of its supervisor."""
        where = at(step) or "."
        name = step.get("child", "").rpartition("/")[2]
        match step["do"]:
            case "exit":
                reason = Reason.NORMAL if step["how"] == "normal" else Reason.CRASHED
                return None if self.world.exit(step["child"], reason) else "absent"
            case "shutdown":
                self.world.shut_down()
                return None if self.world.top.is_alive else "ended"
            case "start" | "stop" | "delete" as do:
                calls: dict[str, type[Call]] = {"start": StartNamed, "stop": StopChild, "delete": DeleteChild}
                return self.world.ask(calls[do](name), where)
            case "start_child":
                return self.world.ask(StartChild(self.new_spec(step)), where)
            case _:
                return self.look(where, step["do"], name)

    def new_spec(self, step: Data) -> AnySpec:
        if "spec" in step:
            return self.entry(step["spec"])
        node = self.world.find(step["supervisor"] or ".")
        template = node.spec.template if node is not None and isinstance(node.spec, DynamicSpec) else None
        restart = template.restart if template is not None else "permanent"
        command = [*(template.command if template is not None else ["t"]), *step["args"]]
        plan = json.dumps({"fails": step["fails"]})
        return ChildSpec(name=step["name"], command=command, env={"PLAN": plan}, restart=restart, backoff=None)

    def look(self, where: str, what: str, name: str) -> object:
        """A question that is no matter for the ledger; it has its place in the queue all the same."""
        node, found = self.world.find(where), list[object]()
        if node is None:
            return "ended"

        def look(ledger: Ledger, now: float) -> list[Verdict]:
            found.append(Between.BETWEEN if is_between(ledger) else self.seen(node, what, name))
            return []

        asked = Asked(StopChild(name))
        self.world.news.append((node, Message(look, asked=asked)))
        return found, asked

    def seen(self, node: Node, what: str, name: str) -> object:
        match what:
            case "count":
                return dict(zip(COUNTS, self.world.count(node.path), strict=True))
            case "which":
                return ordered(node, self.world.states(node.path)[::-1])
            case _:
                return described(node, name)

    # -- what is to be seen

    def note_dynamic(self) -> None:
        found = {node.path for node in self.world.top.nodes() if isinstance(node.spec, DynamicSpec)}
        self.dynamic |= {"" if path == "." else path for path in found}

    def answers_during(self) -> list[object]:
        made, self.made_during = self.made_during, []
        return [answer_of(one) for one in made]

    @property
    def ended(self) -> str | None:
        end = self.world.top.end
        return None if end is None else ENDED[end.reason]

    def state(self) -> Data:
        if not self.world.top.is_alive:
            return {}
        return {
            "" if node.path == "." else node.path: ordered(node, self.world.states(node.path))
            for node in self.world.top.nodes()
        }

    def trace(self) -> list[list[str]]:
        """In the words of the tables: they do not tell of the ends of nested supervisors that were asked to stop."""
        return list(self._trace())

    def _trace(self) -> Iterator[list[str]]:
        taken, self.world.trace = self.world.trace, []
        workers = self.attempts.keys()
        for event, path, *more in taken:
            if (path == "." and event in ("up", "failed")) or (event == "stop" and path not in workers):
                continue
            yield ["start_failed" if event == "failed" else event, "" if path == "." else path, *more]


def at(step: Data) -> str:
    """The supervisor that a step concerns."""
    where: str = step["child"].rpartition("/")[0] if "child" in step else step.get("supervisor", "")
    return where


def answer_of(pending: object) -> object:
    match pending:
        case Asked():
            return pending.answer
        case ([found], Asked()):
            return found
        case ([], Asked() as asked):
            return asked.answer
        case _:
            return pending


def is_between(ledger: Ledger) -> bool:
    """Whether calls wait for a start that is failing, or the crashed child does: OTP lets questions wait then too."""
    return bool(ledger._waiting) or any(
        entry.operation and entry.state is State.RESTARTING for entry in ledger.entries.values()
    )


def ordered(node: Node, entries: list[tuple[str, str]]) -> list[list[str]]:
    found = [[name, state] for name, state in entries]
    return sorted(found) if isinstance(node.spec, DynamicSpec) else found


def described(node: Node, name: str) -> object:
    entry = node.ledger.entries.get(name)
    if entry is None:
        return "not_found"
    return {"restart": entry.spec.restart.value, "significant": entry.spec.significant}


# -- where the tables say less, or something else on purpose


def is_same_answer(otp: Any, ours: Any) -> bool:
    match otp, ours:
        case _, Between.BETWEEN:
            return True  # section 10: a question is answered at once, in the middle of what OTP makes it wait for
        case ["?", "restarting"], [_, "restarting"]:
            return True  # OTP's dynamic supervisor has no name for it
        case "dynamic", str():
            return ours in REFUSALS  # section 9: children are addressed by name
        case "already_restarting", "already_present":
            return True  # section 9 has one word for both
        case {"specs": 1}, {"specs": _}:
            return {**otp, "specs": 0} == {**ours, "specs": 0}  # of a dynamic supervisor OTP counts the template
        case [*_], [*_]:
            return len(otp) == len(ours) and all(map(is_same_answer, otp, ours))
        case _:
            return bool(otp == ours)


def without_args(trace: list[list[Any]]) -> list[list[Any]]:
    return [event[:2] if event[0] in ("start", "start_failed") else event for event in trace]


def normal(trace: list[list[Any]], dynamic: set[str]) -> list[list[Any]]:
    """The stops of a dynamic supervisor's children are simultaneous: let them stand sorted."""

    def above(event: list[Any]) -> str | None:
        parent = str(event[1]).rpartition("/")[0]
        return parent if event[0] == "stop" and parent in dynamic else None

    return [event for key, run in groupby(trace, above) for event in (run if key is None else sorted(run))]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario["name"] for scenario in SCENARIOS])
def test_every_decision_is_otps(scenario: Data) -> None:
    run = Run(scenario)
    answers: list[Callable[[], object]] = [run.boot, *(partial(run.make, step) for step in scenario["steps"])]
    records = [scenario["boot"], *scenario["records"]]
    last = scenario.get("deviates_from", len(records))
    for number, (make, record) in enumerate(zip(answers[:last], records[:last], strict=True)):
        answer = make()
        step = scenario["steps"][number - 1] if number else "boot"
        run.note_dynamic()
        assert normal(run.trace(), run.dynamic) == normal(without_args(record["trace"]), run.dynamic), step
        assert is_same_answer(record["answer"], answer), (step, record["answer"], answer)
        assert is_same_answer(record.get("during", []), run.answers_during()), step
        assert run.state() == record["state"], step
        assert run.ended == record["ended"], step
        assert "culprit" not in record or run.world.top.culprit() == record["culprit"]


def test_the_tables_are_complete():
    assert len(SCENARIOS) > 500
    assert {scenario["name"].split(".")[0].split(" ")[0] for scenario in SCENARIOS} == {*"2345679", "8", "random"}
    assert sum("deviates" in scenario for scenario in SCENARIOS) < len(SCENARIOS) / 10
