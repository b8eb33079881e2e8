"""Scenarios of section 6 of SEMANTICS.md: what happens when a restart fails."""

from itertools import product

from tests.decisions.otp.scenario_starts import STRATEGIES
from tests.decisions.otp.scenario_words import (
    SHUTDOWN,
    Data,
    Scenario,
    add,
    child,
    children,
    count,
    crash,
    delete,
    end,
    nested,
    spec_of,
    start,
    stop,
    supervisor,
    together,
    which,
)


def failing(*attempts: int, during: dict[int, list[Data]] | None = None, restart: str = "permanent") -> list[Data]:
    """a, b, c and d; of these, c fails to start at *attempts*."""
    return [*children("a b"), child("c", restart, fails=attempts, during=during), child("d")]


RETRIES = [
    *(
        Scenario(
            f"6 When a restart fails, {strategy}: {name} crashes, c fails to start {times}",
            supervisor(*failing(*range(2, 2 + times)), strategy=strategy),
            [crash(name), crash("c")],
        )
        for strategy, name, times in product(STRATEGIES, "bc", (1, 2))
    ),
    *(
        Scenario(
            f"6 State after child f failed to start, {strategy}: {name} crashes, c fails to start",
            supervisor(*failing(2), strategy=strategy),
            [together(crash(name), which(), count())],
        )
        for strategy, name in product(STRATEGIES, "bc")
    ),
    Scenario(
        "6 The retry is on behalf of f: each pass counts, also when f is not the child that crashed",
        supervisor(*failing(2, 3, 4), strategy="one_for_all", max_restarts=2),
        [crash("a")],
    ),
    *(
        Scenario(
            f"6 Several children fail one after another: {strategy}",
            supervisor(child("a", fails=[3]), child("b", fails=[2, 4]), child("c", fails=[2]), strategy=strategy),
            [crash("a"), crash("b"), crash("c"), crash("a")],
        )
        for strategy in STRATEGIES
    ),
    Scenario(
        "6 A nested supervisor that fails to start again is retried by the one above",
        supervisor(
            child("a"),
            nested(supervisor(child("x"), child("y", fails=[2, 3]), name="sub", max_restarts=0)),
            child("b"),
            strategy="rest_for_one",
        ),
        [crash("sub/x"), crash("sub/y")],
    ),
    Scenario(
        "6 A nested supervisor that gives up in its own retries is started again",
        supervisor(
            nested(supervisor(child("x"), child("y", fails=[2, 3, 4]), name="sub", max_restarts=1)),
            max_restarts=5,
        ),
        [crash("sub/y"), count()],
    ),
]

WHILE_RESTARTING = [
    *(
        Scenario(
            f"6 start_child(f) and delete_child(f) are refused, its status says so: {strategy}",
            supervisor(*failing(2), strategy=strategy),
            [
                together(
                    crash("c"),
                    which(),
                    spec_of("c"),
                    add(child("c")),
                    start("c"),
                    delete("c"),
                    add(child("e")),
                    count(),
                ),
                which(),
            ],
        )
        for strategy in STRATEGIES
    ),
    *(
        Scenario(
            f"6 stop_child(f) cancels the retry: f is down, and those after f stay down too: {strategy}",
            supervisor(*failing(2), strategy=strategy),
            [together(crash("c"), stop("c"), which()), start("d"), start("c"), count()],
        )
        for strategy in STRATEGIES
    ),
    Scenario(
        "6 A cancelled child can be deleted, and its name taken again",
        supervisor(*failing(2)),
        [together(crash("c"), stop("c"), delete("c"), add(child("c"))), which()],
    ),
    Scenario(
        "6 A cancelled child can be started in the same breath: the pending retry finds it up",
        supervisor(*failing(2)),
        [together(crash("c"), stop("c"), start("c"), which()), count()],
    ),
    Scenario(
        "6 A cancelled child is revived by the next group restart",
        supervisor(*failing(2), strategy="one_for_all"),
        [together(crash("c"), stop("c")), crash("a")],
    ),
    Scenario(
        "6 A transient child that is restarting and then stopped is down, not forgotten",
        supervisor(*failing(2, restart="transient")),
        [together(crash("c"), stop("c")), which()],
    ),
    *(
        Scenario(
            f"6 {name} is started by hand while f is restarting: {strategy}",
            supervisor(*failing(2), strategy=strategy),
            [together(crash("c"), start(name), which())],
        )
        for strategy, name in product(("rest_for_one", "one_for_all"), "d")
    ),
    *(
        Scenario(
            f"6 a is stopped by hand while f is restarting: {strategy}",
            supervisor(*failing(2), strategy=strategy),
            [together(crash("c"), stop("a"), which())],
        )
        for strategy in STRATEGIES
    ),
    *(
        Scenario(
            f"6 A child down because of f is deleted while f is restarting: {strategy}",
            supervisor(*failing(2), strategy=strategy),
            [together(crash("c"), delete("d"), which())],
        )
        for strategy in ("rest_for_one", "one_for_all")
    ),
    *(
        Scenario(
            f"6 A child added while f is restarting has its place at the end: {strategy}",
            supervisor(*failing(2), strategy=strategy),
            [together(crash("c"), add(child("e")), which()), which()],
        )
        for strategy in STRATEGIES
    ),
]

MEANWHILE = [
    *(
        Scenario(
            f"6 A sibling's crash meanwhile is handled first, {strategy}: {name} {how.__name__}",
            supervisor(*failing(2, during={2: [how(name)]}, restart="transient"), strategy=strategy),
            [crash("c"), crash("a")],
        )
        for strategy, name, how in product(STRATEGIES, "ad", (crash, end))
    ),
    *(
        Scenario(
            f"6 If that group restart fails too: {strategy}",
            supervisor(
                child("a", fails=[3]),
                child("b"),
                child("c", fails=[2, 3], during={2: [crash("a")], 3: [crash("a")]}),
                child("d"),
                strategy=strategy,
            ),
            [crash("c")],
        )
        for strategy in STRATEGIES
    ),
    Scenario(
        "6 If that group restart brings f up, the pending retry finds it up and does nothing",
        supervisor(*failing(2), strategy="rest_for_one", max_restarts=2),
        [together(crash("c"), crash("a")), which()],
    ),
    Scenario(
        "6 The pending retry of a child that is up again costs nothing",
        supervisor(*failing(2, during={2: [crash("a")]}), strategy="one_for_all", max_restarts=2),
        [crash("c"), crash("b")],
    ),
    *(
        Scenario(
            f"6 The crash of a sibling meanwhile is one restart too many: {strategy}",
            supervisor(*failing(2, during={2: [crash("a")]}), strategy=strategy, max_restarts=1),
            [crash("c")],
        )
        for strategy in STRATEGIES
    ),
    Scenario(
        "6 Two children are restarting at once, one_for_one",
        supervisor(child("a", fails=[2, 3]), child("b", fails=[2]), child("c")),
        [together(crash("a"), crash("b"), which()), count()],
    ),
    *(
        Scenario(
            f"6 An order to stop is obeyed between attempts: {strategy}",
            supervisor(*failing(2, 3, during={2: [SHUTDOWN]}), strategy=strategy),
            [crash("c")],
        )
        for strategy in STRATEGIES
    ),
    Scenario(
        "6 A call that comes during an attempt that succeeds finds the child up",
        supervisor(*failing(during={2: [which(), stop("c")]}), strategy="one_for_all"),
        [crash("c")],
    ),
    Scenario(
        "6 stop_child that comes during an attempt that fails cancels the retry",
        supervisor(*failing(2, during={2: [stop("c"), which()]}), strategy="one_for_all"),
        [crash("b")],
    ),
]

SCENARIOS = [*RETRIES, *WHILE_RESTARTING, *MEANWHILE]
