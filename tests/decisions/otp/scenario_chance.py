"""Random scenarios: trees of every shape, and steps that know nothing of what they will find."""

from random import Random
from typing import NamedTuple

from tests.decisions.otp.scenario_words import (
    SHUTDOWN,
    Data,
    Scenario,
    add,
    add_dynamic,
    child,
    count,
    crash,
    delete,
    dynamic,
    end,
    nested,
    spec_of,
    start,
    stop,
    supervisor,
    together,
    which,
)

STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")
AUTO_SHUTDOWN = ("never", "never", "never", "any_significant", "all_significant")
RESTART_TYPES = ("permanent", "permanent", "transient", "transient", "temporary")
BUDGETS = (0, 1, 2, 3, 4, 6, 9, 12, 16, 20)
FATAL_AT_BOOT = 0.01


class Place(NamedTuple):
    """A supervisor of the tree and the names that may be found under it."""

    path: str
    names: list[str]
    auto_shutdown: str = "never"
    dynamic: bool = False

    def below(self, name: str) -> str:
        """The path of the entry of that *name*."""
        return f"{self.path}/{name}" if self.path else name

    def workers(self) -> list[str]:
        """The names without those of nested supervisors."""
        return [name for name in self.names if not name.startswith("s")]


class Maker:
    """Makes one scenario; the same one for the same *rng*."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.places: list[Place] = []
        self.added = 0

    def scenario(self, name: str) -> Scenario:
        """A supervisor and 8 to 18 steps, the last of them now and then an order to stop."""
        top = self.supervisor("top", "", depth=self.rng.choice((0, 0, 1, 1, 2)))
        steps = [self.step() for _ in range(self.rng.randint(8, 18))]
        return Scenario(name, top, [*steps, SHUTDOWN] if self.chance(0.6) else steps)

    def chance(self, probability: float) -> bool:
        """True with that *probability*."""
        return self.rng.random() < probability

    def supervisor(self, name: str, path: str, depth: int) -> Data:
        """A supervisor with up to *depth* levels of others below it."""
        auto_shutdown = self.rng.choice(AUTO_SHUTDOWN)
        place = Place(path, list("abcde"[: self.rng.randint(1, 4)]), auto_shutdown)
        self.places.append(place)
        entries = [self.worker(place, worker) for worker in place.names]
        for _ in range(self.rng.randint(1, 2) if depth else 0):
            entries.insert(self.rng.randint(0, len(entries)), self.below(place, depth))
        return supervisor(
            *entries,
            name=name,
            strategy=self.rng.choice(STRATEGIES),
            max_restarts=self.rng.choice(BUDGETS if not path else BUDGETS[:5]),
            auto_shutdown=auto_shutdown,
        )

    def below(self, place: Place, depth: int) -> Data:
        """A nested supervisor for *place*, one in six of them dynamic."""
        name = f"s{len(self.places)}"
        place.names.append(name)
        restart = self.rng.choice(RESTART_TYPES)
        significant = self.significance(place, restart)
        return nested(self.nested_spec(place, name, depth), restart, significant=significant)

    def nested_spec(self, place: Place, name: str, depth: int) -> Data:
        """What is inside it."""
        if self.chance(1 / 6):
            self.places.append(Place(place.below(name), [], dynamic=True))
            restart, budget = self.rng.choice(RESTART_TYPES), self.rng.choice(BUDGETS[:5])
            return dynamic(restart, max_restarts=budget, name=name)
        return self.supervisor(name, place.below(name), depth - 1)

    def significance(self, place: Place, restart: str) -> bool:
        """Whether a child is significant, where it may be."""
        return place.auto_shutdown != "never" and restart != "permanent" and self.chance(0.6)

    def worker(self, place: Place, name: str, *, first: bool = False) -> Data:
        """A child that fails to start now and then, and the *first* time with them if that may be."""
        restart = self.rng.choice(RESTART_TYPES)
        fails = [attempt for attempt in range(2, 7) if self.chance(0.2)]
        if self.chance(0.2 if first else FATAL_AT_BOOT):
            fails.insert(0, 1)
        significant = self.significance(place, restart)
        return child(name, restart, significant=significant, fails=fails, during=self.during(place, fails))

    def during(self, place: Place, fails: list[int]) -> dict[int, list[Data]]:
        """Steps while a later attempt fails; only at the top, where no such attempt is part of a boot."""
        attempts = [attempt for attempt in fails if attempt > 1 and self.chance(0.25)]
        if place.path:
            return {}
        return {attempt: [self.at(place) for _ in range(self.rng.randint(1, 2))] for attempt in attempts}

    def fails(self) -> list[int]:
        """The attempts at which a dynamic child fails to start."""
        return [attempt for attempt in range(1, 6) if self.chance(0.2)]

    def step(self) -> Data:
        """One step anywhere in the tree; one in five is made of several."""
        place = self.rng.choice(self.places)
        if self.chance(0.8):
            return self.at(place)
        steps = [self.at(place, in_turn=False) for _ in range(self.rng.randint(2, 4))]
        lower = [other for other in self.places if other.path.startswith(place.below(""))]
        if lower and other_than(place, lower) and self.chance(0.3):
            one = self.exit(self.rng.choice(other_than(place, lower)))
            steps.insert(self.rng.randint(0, 2), one)
        return together(*steps)

    def at(self, place: Place, *, in_turn: bool = True) -> Data:
        """One step at *place*."""
        if place.dynamic:
            return self.at_dynamic(place, in_turn=in_turn)
        if self.chance(0.5):
            return self.exit(place)
        if self.chance(0.2):
            return self.rng.choice((count, which))(place.path)
        if self.chance(0.2):
            return add(self.new_child(place), place.path)
        call = self.rng.choice((start, start, stop, stop, delete, spec_of))
        return call(place.below(self.rng.choice(place.names)))

    def new_child(self, place: Place) -> Data:
        """A spec for start_child: of a new name, or of one that was used before."""
        if self.chance(0.5):
            place.names.append(f"n{len(place.names)}")
        worker = self.worker(place, self.rng.choice(place.names), first=True)
        return {**worker, "during": {}}

    def at_dynamic(self, place: Place, *, in_turn: bool) -> Data:
        """One step at a dynamic supervisor; in a crowd no stop or count: there OTP has its own answers."""
        if not place.names or self.chance(0.35):
            self.added += 1
            place.names.append(f"d{self.added}")
            return add_dynamic(place.names[-1], f"x{self.added}", to=place.path, fails=self.fails())
        if in_turn and self.chance(0.2):
            return stop(place.below(self.rng.choice(place.names)))
        if self.chance(0.7):
            return self.exit(place)
        return count(place.path) if in_turn and self.chance(0.5) else which(place.path)

    def exit(self, place: Place) -> Data:
        """Some child of *place* ends, if it is up and a worker."""
        how = crash if self.chance(0.7) else end
        return how(place.below(self.rng.choice(place.workers() or ["nobody"])))


def other_than(place: Place, places: list[Place]) -> list[Place]:
    """*places* without *place*."""
    return [other for other in places if other.path != place.path]


def random_scenarios(seed: int, count: int) -> list[Scenario]:
    """So many scenarios; the same ones for the same *seed*."""
    return [Maker(Random(f"{seed}-{number}")).scenario(f"random {seed}-{number:03}") for number in range(count)]
