"""What the test has said about the incarnations to come, and all that there were."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Callable

import trio

from regrow._specs.child import ChildSpec
from regrow._specs.containment import Containment
from regrow._specs.facts import Key, NotLaunched
from regrow.testing._fake.gallery import script_of
from regrow.testing._fake.life import Life
from regrow.testing._fake.process import FakeProcess
from regrow.testing._fake.script import Script
from regrow.testing._fake.sockets import Sockets

Scripting = Callable[[Key, ChildSpec], Script | None]


class Book:
    """The memory of a `FakeLauncher`; it outlives the block in which the launcher is open."""

    def __init__(self, scripting: Scripting | None, containment: str) -> None:
        self.processes: list[FakeProcess] = []
        self.newest: dict[str, FakeProcess] = {}
        self.running: dict[Key, FakeProcess] = {}
        self.used: set[Key] = set()
        """Keys of which no start is accepted any more: they were started or revoked."""
        self.launch_takes = 0.0
        self.outage: NotLaunched | None = None
        """The answer to every start, while the engine is down."""
        self._scripting = scripting
        self._plans: defaultdict[str, deque[Script]] = defaultdict(deque)
        self._refusals: defaultdict[str, deque[NotLaunched]] = defaultdict(deque)
        self.sockets = Sockets()
        self._containment = containment
        # Above every pid that Linux can have; those in between are the descendants'.
        self._pids = itertools.count(2**22, 100)

    def plan(self, path: str, *scripts: Script) -> None:
        """Lay down what the next incarnations of *path* do."""
        self._plans[path].extend(scripts)

    def refuse(self, path: str, answer: NotLaunched, times: int) -> None:
        """Lay down the answer to the next starts of *path*."""
        self._refusals[path].extend([answer] * times)

    def new_life(self, key: Key, spec: ChildSpec) -> Life:
        """An incarnation that is about to start; its key is used up."""
        self.used.add(key)
        addresses = self.sockets.take(key, spec)
        return Life(key, spec, next(self._pids), trio.current_time(), self._level(spec), addresses)

    def _level(self, spec: ChildSpec) -> str:
        is_more = spec.containment is Containment.NAMESPACE and "namespace" not in self._containment
        return f"{self._containment}+namespace" if is_more else self._containment

    def script_for(self, life: Life) -> Script:
        """What an incarnation does: what was said of the next one, of all, or what its command does."""
        path = life.key.path
        if refusal := self.outage or (self._refusals[path].popleft() if self._refusals[path] else None):
            return Script(refuse=refusal)
        if self._plans[path]:
            return self._plans[path].popleft()
        script = self._scripting(life.key, life.spec) if self._scripting else None
        return script_of(life) if script is None else script

    def end_kept(self) -> None:
        """Strays that were kept end with the launcher, if it reaches more than groups."""
        for process in self.processes if self._containment != "group" else ():
            process.family.end()

    def enter(self, process: FakeProcess) -> None:
        """Note that *process* was launched."""
        self.processes.append(process)
        self.newest[process.key.path] = process
        self.running[process.key] = process
        process.when_gone(lambda: self.running.pop(process.key))
        process.serve_with(self.sockets)
