"""Scenarios of section 5 of SEMANTICS.md: the strategies."""

from itertools import product

from tests.decisions.otp.scenario_starts import STRATEGIES
from tests.decisions.otp.scenario_words import (
    SHUTDOWN,
    Scenario,
    add,
    child,
    children,
    count,
    crash,
    delete,
    end,
    nested,
    start,
    stop,
    supervisor,
    together,
    which,
)

GROUPS = [
    Scenario(
        f"5 What is stopped and what is started, {strategy}: {name} crashes",
        supervisor(*children("a b c"), strategy=strategy),
        [crash(name), SHUTDOWN],
    )
    for strategy, name in product(STRATEGIES, "abc")
]

REVIVAL = [
    *(
        Scenario(
            f"5.1 A group restart revives what had ended well or was stopped by hand, {strategy}",
            supervisor(
                child("a", "transient"),
                *children("b c"),
                child("d", "transient"),
                child("e"),
                strategy=strategy,
            ),
            [end("a"), stop("b"), end("d"), stop("e"), crash("c"), which()],
        )
        for strategy in STRATEGIES
    ),
    Scenario(
        "5.1 Deleting the entry is the only way to keep a child down",
        supervisor(*children("a b c"), strategy="one_for_all"),
        [stop("b"), delete("b"), crash("a"), which()],
    ),
    Scenario(
        "5.1 A nested supervisor that was stopped by hand is revived too",
        supervisor(child("a"), nested(supervisor(*children("x"), name="sub")), strategy="rest_for_one"),
        [stop("sub"), crash("a"), which("sub")],
    ),
    *(
        Scenario(
            f"5.2 A temporary bystander is stopped and forgotten, {strategy}",
            supervisor(child("a", "temporary"), child("b"), child("c", "temporary"), child("d"), strategy=strategy),
            [crash("b"), which(), add(child("c"))],
        )
        for strategy in STRATEGIES
    ),
    Scenario(
        "5.3 A nested supervisor as a bystander is stopped in its place and comes back whole",
        supervisor(
            child("a"),
            nested(supervisor(*children("x y"), name="sub", strategy="rest_for_one")),
            child("b"),
            strategy="one_for_all",
        ),
        [stop("sub/x"), crash("b")],
    ),
]

SWALLOWED = [
    *(
        Scenario(
            f"5.4 If several are dead already, {strategy}: {one.__name__} {a}, then {two.__name__} {b}",
            supervisor(*(child(name, "transient") for name in "abc"), strategy=strategy, max_restarts=9),
            [together(one(a), two(b))],
        )
        for strategy, (a, b), one, two in product(STRATEGIES, [("a", "c"), ("c", "a")], (crash, end), (crash, end))
    ),
    Scenario(
        "5.4 The earlier child first is one restart",
        supervisor(*children("a b c"), strategy="rest_for_one", max_restarts=1),
        [together(crash("a"), crash("c")), count()],
    ),
    Scenario(
        "5.4 The later child first is two",
        supervisor(*children("a b c"), strategy="rest_for_one", max_restarts=1),
        [together(crash("c"), crash("a")), count()],
    ),
    Scenario(
        "5.4 Under one_for_one each counts",
        supervisor(*children("a b c"), max_restarts=1),
        [together(crash("a"), crash("c")), count()],
    ),
    Scenario(
        "5.4 A temporary bystander that is dead already is forgotten",
        supervisor(child("a"), child("b", "temporary"), child("c"), strategy="one_for_all", max_restarts=1),
        [together(crash("c"), crash("b")), which()],
    ),
    Scenario(
        "5.4 The end of a nested supervisor is swallowed, rest_for_one",
        supervisor(
            child("a"),
            nested(supervisor(child("x"), name="sub", max_restarts=0)),
            strategy="rest_for_one",
            max_restarts=1,
        ),
        [together(crash("a"), crash("sub/x")), count()],
    ),
    Scenario(
        "5.4 The end of a nested supervisor comes first, rest_for_one",
        supervisor(
            child("a"),
            nested(supervisor(child("x"), name="sub", max_restarts=0)),
            strategy="rest_for_one",
            max_restarts=1,
        ),
        [together(crash("sub/x"), crash("a")), count()],
    ),
    Scenario(
        "5.4 A crash below is restarted there although the group restart above is due",
        supervisor(child("a"), nested(supervisor(child("x"), name="sub")), strategy="one_for_all"),
        [together(crash("a"), crash("sub/x"))],
    ),
    Scenario(
        "5.5 A transient child whose good end is swallowed in this way is revived too",
        supervisor(child("a"), child("b", "transient"), strategy="one_for_all"),
        [together(crash("a"), end("b")), end("b"), crash("a")],
    ),
]

PLACES = [
    Scenario(
        f"5.6 The place in the start order is fixed; a child added later goes to the end: {strategy}",
        supervisor(*children("a b"), strategy=strategy),
        [add(child("z")), add(child("c")), crash("a"), which(), crash("z"), crash("c"), which(), SHUTDOWN],
    )
    for strategy in STRATEGIES
] + [
    Scenario(
        "5.6 An entry that is deleted and added again goes to the end",
        supervisor(*children("a b c"), strategy="rest_for_one"),
        [stop("a"), delete("a"), add(child("a")), crash("b"), crash("a"), which()],
    ),
    Scenario(
        "5.7 A restarted supervisor comes back with the children of its spec only",
        supervisor(nested(supervisor(*children("x y"), name="sub", max_restarts=0))),
        [stop("sub/y"), delete("sub/y"), add(child("z"), "sub"), which("sub"), crash("sub/x"), which("sub")],
    ),
    Scenario(
        "5.7 The same when it is restarted as a bystander, and when it is stopped and started",
        supervisor(child("a"), nested(supervisor(child("x"), name="sub")), strategy="one_for_all"),
        [add(child("z"), "sub"), crash("a"), add(child("z"), "sub"), stop("sub"), start("sub")],
    ),
]

SCENARIOS = [*GROUPS, *REVIVAL, *SWALLOWED, *PLACES]
