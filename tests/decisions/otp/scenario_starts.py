"""Scenarios of sections 2 and 8 of SEMANTICS.md: start-up and stopping."""

from tests.decisions.otp.scenario_words import (
    SHUTDOWN,
    Scenario,
    add_dynamic,
    child,
    children,
    count,
    crash,
    crashes,
    dynamic,
    end,
    nested,
    start,
    stop,
    supervisor,
    together,
    which,
)

STRATEGIES = ("one_for_one", "rest_for_one", "one_for_all")

START_UP = [
    Scenario(
        "2.1 Children start one after another, in list order",
        supervisor(*children("a b c")),
        [which(), count(), SHUTDOWN],
    ),
    Scenario("2.1 A supervisor without children", supervisor(), [which(), count(), SHUTDOWN]),
    Scenario(
        "2.2 A nested supervisor is ready when all of its children are",
        supervisor(child("a"), nested(supervisor(*children("x y"), name="sub")), child("b")),
        [which(), count(), which("sub"), SHUTDOWN],
    ),
    Scenario(
        "2.3 If child k fails to start, the children already up are stopped in reverse order",
        supervisor(*children("a b"), child("c", fails=[1]), child("d")),
        [count(), crash("a")],
    ),
    Scenario(
        "2.3 The first child fails: nothing is stopped, nothing else is touched",
        supervisor(child("a", fails=[1]), child("b")),
        [count()],
    ),
    Scenario(
        "2.3 To a supervisor above it is a failed start of that child",
        supervisor(child("a"), nested(supervisor(child("x"), child("y", fails=[1]), name="sub")), child("b")),
        [],
    ),
    Scenario(
        "2.3 Through two levels, the path of names goes up",
        supervisor(
            nested(
                supervisor(
                    child("x"),
                    nested(supervisor(*children("p"), child("q", fails=[1]), name="low")),
                    name="sub",
                )
            )
        ),
        [],
    ),
    Scenario(
        "2.3 max_restarts is not touched by a start that fails at boot",
        supervisor(nested(supervisor(child("x"), child("y", fails=[2]), name="sub", max_restarts=0)), max_restarts=2),
        [crash("sub/x"), count(), crash("sub/y")],
    ),
    Scenario(
        "2.4 A call that comes during the boot waits until the boot is over",
        supervisor(child("a"), child("b", during={1: [which(), stop("a")]}), child("c")),
        [count()],
    ),
    Scenario(
        "2.4 A call that comes during a boot that fails finds that the supervisor has ended",
        supervisor(child("a"), child("b", during={1: [which()]}, fails=[1])),
        [],
    ),
]

BOOT_EXITS = [
    Scenario(
        f"2.4 A child that dies while later siblings start: its exit waits until it is over, {strategy}",
        supervisor(child("a"), child("b", during={1: [crash("a")]}), child("c"), strategy=strategy),
        [SHUTDOWN],
        "section 2.4: under one_for_one regrow handles it at once" if strategy == "one_for_one" else "",
    )
    for strategy in STRATEGIES
]


DEEP = supervisor(
    child("a"),
    nested(
        supervisor(
            child("x"),
            nested(supervisor(*children("p q"), name="low")),
            child("y"),
            name="sub",
        )
    ),
    nested(dynamic(name="pool")),
    child("b"),
)

STOPPING = [
    Scenario("8 In reverse start order, one at a time, through all levels", DEEP, [SHUTDOWN, count(), crash("a")]),
    Scenario(
        "8 A child that is down is not stopped",
        supervisor(child("a"), child("b", "transient"), child("c"), child("d", "temporary")),
        [end("b"), stop("a"), end("d"), SHUTDOWN],
    ),
    Scenario(
        "8 The order of stops is the order of entries, not of the last starts",
        supervisor(*children("a b c")),
        [crash("a"), stop("b"), start("b"), SHUTDOWN],
    ),
    Scenario(
        "8 An exit that comes before the order to stop is still answered with a restart",
        supervisor(*children("a b")),
        [together(crash("a"), SHUTDOWN)],
    ),
    Scenario(
        "8 An exit that comes after the order to stop is not",
        supervisor(*children("a b")),
        [together(SHUTDOWN, crash("a"), count())],
    ),
    Scenario(
        "8 Stopping a nested supervisor stops its children in reverse, and it comes back whole",
        DEEP,
        [stop("sub"), crash("sub/x"), count("sub"), start("sub"), which()],
    ),
    Scenario(
        "8 Stopping a dynamic supervisor stops its children all at once",
        supervisor(child("a"), nested(dynamic(name="pool"))),
        [
            *(add_dynamic(name, to="pool") for name in ("v", "w", "u")),
            SHUTDOWN,
        ],
    ),
    Scenario(
        "8 What was stopped by hand stays down while others crash under one_for_one",
        supervisor(*children("a b c")),
        [stop("b"), *crashes("a", 2), crash("b"), SHUTDOWN],
    ),
]

SCENARIOS = [*START_UP, *BOOT_EXITS, *STOPPING]
