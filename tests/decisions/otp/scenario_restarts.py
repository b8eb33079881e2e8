"""Scenarios of sections 3 and 4 of SEMANTICS.md: what an exit means, how many restarts are too many."""

from itertools import product

from tests.decisions.otp.scenario_starts import STRATEGIES
from tests.decisions.otp.scenario_words import (
    Scenario,
    add,
    child,
    children,
    count,
    crash,
    crashes,
    delete,
    end,
    nested,
    start,
    stop,
    supervisor,
    together,
    which,
)

RESTART_TYPES = ("permanent", "transient", "temporary")

DECIDES = [
    Scenario(
        f"3 Then the restart type decides: {restart}, {how.__name__}, {strategy}",
        supervisor(child("a"), child("b", restart), child("c"), strategy=strategy),
        [how("b"), count(), start("b"), delete("b"), add(child("b"))],
    )
    for strategy, restart, how in product(STRATEGIES, RESTART_TYPES, (crash, end))
]

EXITS = [
    Scenario(
        "3 Forgotten: the name is free again, a later call on it says not found",
        supervisor(child("a", "temporary"), child("b")),
        [crash("a"), stop("a"), start("a"), delete("a"), add(child("a", "transient")), end("a"), start("a")],
    ),
    Scenario(
        "3 A transient child that ends well, and any temporary child, leaves its siblings alone",
        supervisor(child("a", "transient"), child("b", "temporary"), child("c", "temporary"), strategy="one_for_all"),
        [end("a"), end("b"), crash("c"), which()],
    ),
]

GAVE_UP = [
    Scenario(
        f"3 A nested supervisor that is {restart} gave up, {strategy}",
        supervisor(
            child("a"),
            nested(supervisor(*children("x y"), name="sub", max_restarts=1), restart),
            child("b"),
            strategy=strategy,
        ),
        [crash("sub/x"), crash("sub/y"), crash("sub/x"), count(), start("sub")],
    )
    for strategy, restart in product(STRATEGIES, RESTART_TYPES)
]

BUDGET = [
    *(
        Scenario(
            f"4 How many restarts are too many: max_restarts {most}",
            supervisor(*children("a b c"), max_restarts=most),
            [*crashes("b", most), crash("b"), count()],
        )
        for most in (0, 1, 2, 5)
    ),
    *(
        Scenario(
            f"4 A group restart counts once, whatever the number of children: {strategy}",
            supervisor(*children("a b c d"), strategy=strategy, max_restarts=3),
            [crash("a"), crash("b"), crash("d"), crash("c")],
        )
        for strategy in STRATEGIES
    ),
    *(
        Scenario(
            f"4 One always-failing child gets exactly {most} attempts after the crash, {strategy}",
            supervisor(child("a"), child("b", fails=range(2, 9)), child("c"), strategy=strategy, max_restarts=most),
            [crash("b")],
        )
        for most, strategy in product((1, 4), STRATEGIES)
    ),
    Scenario(
        "4 The count belongs to the supervisor, not to the child",
        supervisor(*children("a b c"), max_restarts=2),
        [crash("a"), crash("b"), crash("c")],
    ),
    Scenario(
        "4 Not counted: calls, ends that are not restarted",
        supervisor(child("a"), child("b", "transient"), child("c", "temporary"), max_restarts=1),
        [
            stop("a"),
            start("a"),
            stop("a"),
            start("a"),
            end("b"),
            start("b"),
            end("b"),
            end("c"),
            add(child("d")),
            crash("a"),
            crash("d"),
        ],
    ),
    Scenario(
        "4 Not counted: starts that fail for a call",
        supervisor(child("a", fails=[2, 3]), max_restarts=1),
        [stop("a"), start("a"), start("a"), add(child("b", fails=[1])), start("a"), crash("a"), crash("a")],
    ),
    Scenario(
        "4 Not counted: children stopped as bystanders",
        supervisor(*children("a b c"), strategy="one_for_all", max_restarts=2),
        [together(crash("a"), crash("b"), crash("c")), crash("c"), crash("c")],
    ),
    Scenario(
        "4 It begins at zero when the supervisor itself is restarted",
        supervisor(nested(supervisor(child("x"), name="sub", max_restarts=1)), max_restarts=2),
        crashes("sub/x", 6),
    ),
    Scenario(
        "4 It does not begin anew when the supervisor lives on",
        supervisor(nested(supervisor(child("x"), name="sub", max_restarts=2))),
        [crash("sub/x"), crash("sub/x"), stop("sub/x"), start("sub/x"), crash("sub/x"), crash("sub/x")],
    ),
    Scenario(
        "4 Give up: the crashed child is down; the others are stopped in reverse start order",
        supervisor(*children("a b c d"), strategy="rest_for_one", max_restarts=0),
        [crash("b")],
    ),
    Scenario(
        "4 Give up: exits that wait are swallowed",
        supervisor(*children("a b c"), max_restarts=0),
        [together(crash("b"), crash("c"), count())],
    ),
    Scenario(
        "4 Give up goes up level by level",
        supervisor(
            child("a"),
            nested(
                supervisor(
                    nested(supervisor(*children("p q"), name="low", max_restarts=0)),
                    child("x"),
                    name="sub",
                    max_restarts=0,
                )
            ),
            child("b"),
            max_restarts=0,
        ),
        [crash("sub/low/p")],
    ),
    Scenario(
        "4 Give up below is a restart above, with the strategy of the one above",
        supervisor(
            child("a"),
            nested(supervisor(*children("x y"), name="sub", strategy="one_for_all", max_restarts=0)),
            child("b"),
            strategy="rest_for_one",
            max_restarts=1,
        ),
        [crash("sub/x"), crash("sub/y")],
    ),
]

SCENARIOS = [*DECIDES, *EXITS, *GAVE_UP, *BUDGET]
