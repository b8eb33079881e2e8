"""The rules once more: a textbook supervisor, plain recursive code, in which every start and stop is done at once.

Written from SEMANTICS.md alone, to be compared with the ledger. No backoff, no order="together". The news that
waits to be looked at is one list for the whole tree: exits, calls, and retries, which go to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeAlias

from regrow._specs.child import ChildSpec, Restart
from regrow._specs.exit import Reason
from regrow._specs.readiness import Completes
from regrow._specs.supervisor import AnySpec, AnySupervisorSpec, AutoShutdown, DynamicSpec, Strategy, join

UP, DOWN, RESTARTING = "up", "down", "restarting"

Event: TypeAlias = tuple[str, ...]
"""What happened, the path of the child or supervisor it happened to, and perhaps because of whom."""


class Oracle:
    """A tree: what has happened in it, and what nobody has looked at yet."""

    def __init__(self, spec: AnySupervisorSpec, fails: Callable[[str], bool]) -> None:
        self.now = 0.0
        self.fails = fails
        """Whether the next start of the process at a path fails."""
        self.trace: list[Event] = []
        self.news: list[Callable[[], None]] = []
        self.ended: str | None = None
        self.top = Supervisor(self, ".", spec, self.end)

    def end(self, how: Reason) -> None:
        self.ended = how.value

    def boot(self) -> bool:
        is_up = self.top.boot()
        if not is_up:
            self.end(Reason.FAILED_TO_START)
        self.settle()
        return is_up

    def shut_down(self) -> None:
        if self.ended is None:
            self.top.shut_down()
            self.end(Reason.STOPPED)

    def settle(self) -> None:
        """Look at the news until there is none."""
        while self.news:
            self.news.pop(0)()

    def find(self, path: str) -> Supervisor | None:
        """The supervisor at *path*, if there is one."""
        found = self.top
        for name in path.split("/") if path != "." else []:
            entry = found.find(name)
            if entry is None or entry.below is None or entry.below.has_ended:
                return None
            found = entry.below
        return found


class Entry:
    """A child's place in its supervisor."""

    def __init__(self, spec: AnySpec) -> None:
        self.spec = spec
        self.state = DOWN
        self.is_alive = False  # news of its end may be waiting
        self.life = 0
        self.retry: object = None  # the one that is waited for
        self.below: Supervisor | None = None
        self.is_dormant = not spec.autostart  # nobody has ever started it


class Supervisor:
    """One life of a supervisor."""

    def __init__(self, tree: Oracle, path: str, spec: AnySupervisorSpec, on_end: Callable[[Reason], None]) -> None:
        self.tree, self.path, self.spec, self.on_end = tree, path, spec, on_end
        self.entries = [] if isinstance(spec, DynamicSpec) else [Entry(child) for child in spec.children]
        self.restarts: list[float] = []
        self.is_dynamic = isinstance(spec, DynamicSpec)
        self.has_ended = False

    # Section 2: start-up.

    def boot(self) -> bool:
        for entry in self.entries[:]:
            if entry.spec.autostart and not self.start(entry):
                self.stop_all()
                self.tell("failed", self.path)
                return False
        self.tell("up", self.path)
        return True

    def start(self, entry: Entry) -> bool:
        """Start the child of *entry*; whether it is ready then."""
        path = join(self.path, entry.spec.name)
        entry.is_dormant, entry.retry = False, None
        entry.life += 1
        if isinstance(entry.spec, ChildSpec):
            is_ready = not self.tree.fails(path)
            self.tell("start" if is_ready else "failed", path)
        else:
            entry.below = Supervisor(self.tree, path, entry.spec, partial(self.hear, entry))
            is_ready = entry.below.boot()
        # One that completes is ready when it has ended well, and down then.
        entry.is_alive = is_ready and not (isinstance(entry.spec, ChildSpec) and entry.spec.ready == Completes())
        entry.state = UP if entry.is_alive else DOWN
        self.forget_if(is_ready and not entry.is_alive and self.is_forgotten_when_down(entry), entry)
        return is_ready

    # Section 3: what an exit means.

    def hear(self, entry: Entry, reason: Reason) -> None:
        """The child of *entry* ends by itself; that is news, to be looked at in its turn."""
        entry.is_alive = False
        self.tree.news.append(partial(self.on_exit, entry, entry.life, reason))

    def on_exit(self, entry: Entry, life: int, reason: Reason) -> None:
        if self.has_ended or entry.state != UP or entry.life != life:
            return  # swallowed: it was stopped since
        entry.state = DOWN
        match entry.spec.restart:
            case Restart.PERMANENT:
                self.restart(entry)
            case Restart.TRANSIENT if reason is not Reason.NORMAL:
                self.restart(entry)
            case Restart.TRANSIENT:
                self.forget_if(self.is_dynamic, entry)
                self.look_at_significant(entry)
            case Restart.TEMPORARY:
                self.entries.remove(entry)
                self.look_at_significant(entry)

    # Section 4: how many restarts are too many.

    def is_one_too_many(self) -> bool:
        now = self.tree.now
        self.restarts = [t for t in self.restarts if now - t <= self.spec.window] + [now]
        return len(self.restarts) > self.spec.max_restarts

    def ages(self) -> list[float]:
        """How long ago each restart was that counts now."""
        return [self.tree.now - t for t in self.restarts if self.tree.now - t <= self.spec.window]

    def give_up(self, entry: Entry) -> None:
        self.tell("gave_up", self.path, entry.spec.name)
        entry.state = DOWN
        self.stop_all()
        self.on_end(Reason.GAVE_UP)

    # Sections 5 and 6: strategies, and what happens when a restart fails.

    def restart(self, entry: Entry) -> None:
        """*entry* is due for restart, or for a further attempt."""
        if self.is_one_too_many():
            self.give_up(entry)
            return
        for other in reversed(self.group(entry)):
            if other is not entry:
                self.stop_bystander(other)
        self.start_group(self.group(entry))

    def group(self, entry: Entry) -> list[Entry]:
        match None if isinstance(self.spec, DynamicSpec) else self.spec.strategy:
            case Strategy.ONE_FOR_ALL:
                return self.entries[:]
            case Strategy.REST_FOR_ONE:
                return self.entries[self.entries.index(entry) :]
            case _:
                return [entry]

    def stop_bystander(self, entry: Entry) -> None:
        self.stop(entry)
        self.forget_if(entry.spec.restart is Restart.TEMPORARY and not entry.is_dormant, entry)

    def start_group(self, group: Iterable[Entry]) -> None:
        for entry in group:
            if not entry.is_dormant and not self.start(entry):
                entry.state, entry.retry = RESTARTING, object()
                self.tree.news.append(partial(self.try_again, entry, entry.retry))
                return

    def try_again(self, entry: Entry, retry: object) -> None:
        if not self.has_ended and entry.state == RESTARTING and entry.retry is retry:
            self.restart(entry)

    # Section 7: significant children and auto-shutdown.

    def look_at_significant(self, entry: Entry) -> None:
        """*entry* ended by itself and is not restarted."""
        any_left = any(other.spec.significant and other.state != DOWN for other in self.entries)
        match self.spec.auto_shutdown if entry.spec.significant else AutoShutdown.NEVER:
            case AutoShutdown.ANY_SIGNIFICANT:
                self.end_well()
            case AutoShutdown.ALL_SIGNIFICANT if not any_left:
                self.end_well()
            case _:
                pass

    def end_well(self) -> None:
        self.stop_all()
        self.on_end(Reason.NORMAL)

    # Section 8: stopping.

    def stop(self, entry: Entry) -> None:
        if entry.is_alive and entry.below is not None:
            entry.below.shut_down()
        elif entry.is_alive:
            self.tell("stop", join(self.path, entry.spec.name))
        entry.state, entry.is_alive, entry.retry = DOWN, False, None

    def stop_all(self) -> None:
        for entry in reversed(self.entries):
            self.stop(entry)
        self.has_ended = True

    def shut_down(self) -> None:
        self.stop_all()
        self.tell("stop", self.path)

    # Section 9: management calls.

    def add_child(self, spec: AnySpec) -> str:
        if (entry := self.find(spec.name)) is not None:
            return "already_running" if entry.state == UP else "already_present"
        if isinstance(self.spec, DynamicSpec) and len(self.entries) == self.spec.max_children:
            return "too_many"
        entry = Entry(spec)
        self.entries.append(entry)
        is_ready = self.start(entry)
        self.forget_if(not is_ready, entry)
        return "ok" if is_ready else "failed"

    def start_child(self, name: str) -> str:
        entry = self.find(name)
        if entry is None:
            return "not_found"
        if entry.state != DOWN:
            return "already_running" if entry.state == UP else "restarting"
        return "ok" if self.start(entry) else "failed"

    def stop_child(self, name: str) -> str:
        entry = self.find(name)
        if entry is None:
            return "not_found"
        self.stop(entry)
        self.forget_if(self.is_forgotten_when_down(entry), entry)
        return "ok"

    def restart_child(self, name: str) -> str:
        entry = self.find(name)
        if entry is None:
            return "not_found"
        self.stop(entry)
        is_ready = self.start(entry)
        self.forget_if(self.is_dynamic and not is_ready, entry)
        return "ok" if is_ready else "failed"

    def delete_child(self, name: str) -> str:
        entry = self.find(name)
        if entry is None:
            return "not_found"
        if entry.state != DOWN:
            return "running" if entry.state == UP else "restarting"
        self.entries.remove(entry)
        return "ok"

    def which_children(self) -> list[tuple[str, str]]:
        return [(entry.spec.name, entry.state) for entry in reversed(self.entries)]

    def count_children(self) -> tuple[int, int, int, int]:
        """Entries; how many are alive; supervisors; processes."""
        processes = sum(isinstance(entry.spec, ChildSpec) for entry in self.entries)
        alive = sum(entry.is_alive for entry in self.entries)
        return len(self.entries), alive, len(self.entries) - processes, processes

    # What helps.

    def is_forgotten_when_down(self, entry: Entry) -> bool:
        return self.is_dynamic or entry.spec.restart is Restart.TEMPORARY

    def find(self, name: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.spec.name == name), None)

    def forget_if(self, is_forgotten: bool, entry: Entry) -> None:
        if is_forgotten:
            self.entries.remove(entry)

    def tell(self, *event: str) -> None:
        self.tree.trace.append(event)
