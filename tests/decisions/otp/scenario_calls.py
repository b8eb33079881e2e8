"""Scenarios of section 9 of SEMANTICS.md: management calls, and dynamic supervisors."""

from tests.decisions.otp.scenario_words import (
    SHUTDOWN,
    Data,
    Scenario,
    add,
    add_dynamic,
    child,
    children,
    count,
    crash,
    crashes,
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

CALLS: dict[str, Data] = {
    "start_child(spec)": add(child("b")),
    "start_child(name)": start("b"),
    "stop_child": stop("b"),
    "delete_child": delete("b"),
    "spec": spec_of("b"),
}

STATES: dict[str, tuple[Data, list[Data]]] = {
    "up": (child("b"), []),
    "down": (child("b", "transient"), [end("b")]),
    "restarting": (child("b", fails=[2]), [crash("b")]),
    "unknown name": (child("b", "temporary"), [end("b")]),
}

TABLE = [
    Scenario(
        f"9 By the state of the entry: {call}, {state}",
        supervisor(child("a"), entry, child("c")),
        [together(*before, step, which(), count()), which()],
    )
    for call, step in CALLS.items()
    for state, (entry, before) in STATES.items()
]

ANSWERS = [
    Scenario(
        "9 If the start of start_child(spec) fails, the spec is discarded",
        supervisor(child("a"), max_restarts=0),
        [add(child("b", fails=[1])), which(), start("b"), add(child("b", fails=[1])), count()],
    ),
    Scenario(
        "9 If start_child(name) fails, the entry stays down; neither is retried or counted",
        supervisor(child("a", fails=[2, 3]), max_restarts=0),
        [stop("a"), start("a"), which(), start("a"), start("a"), count()],
    ),
    Scenario(
        "9 If start_child(name) fails, the siblings are left alone under one_for_all",
        supervisor(child("a"), child("b", fails=[2]), child("c"), strategy="one_for_all"),
        [stop("b"), start("b"), which()],
    ),
    Scenario(
        "9 stop_child on a temporary child forgets it",
        supervisor(child("a", "temporary"), child("b")),
        [stop("a"), start("a"), delete("a"), stop("a"), which()],
    ),
    Scenario(
        "9 stop_child on a transient child keeps it",
        supervisor(child("a", "transient"), child("b")),
        [stop("a"), stop("a"), start("a"), which()],
    ),
    Scenario(
        "9 None of these calls triggers a strategy",
        supervisor(*children("a b c"), strategy="one_for_all"),
        [stop("b"), start("b"), stop("b"), delete("b"), add(child("b")), which()],
    ),
    Scenario(
        "9 which_children lists the youngest entry first",
        supervisor(*children("a b")),
        [add(child("c")), which(), stop("a"), start("a"), which()],
    ),
    Scenario(
        "9 count_children: how many have a live process right now",
        supervisor(*children("a b"), child("t", "transient"), nested(supervisor(child("x"), name="sub"), "transient")),
        [together(count(), crash("a"), count()), end("t"), count(), stop("sub"), count(), count("sub")],
    ),
    Scenario(
        "9 Any call on a supervisor that has ended says so at once",
        supervisor(child("a"), max_restarts=0),
        [
            crash("a"),
            start("a"),
            stop("a"),
            delete("a"),
            spec_of("a"),
            add(child("b")),
            count(),
            which(),
            crash("a"),
        ],
    ),
    Scenario(
        "9 Calls that wait when the supervisor gives up are told that it has ended",
        supervisor(child("a"), child("b"), max_restarts=0),
        [together(crash("a"), start("a"), add(child("c")))],
    ),
    Scenario(
        "9 start_child with a nested supervisor as its spec",
        supervisor(child("a"), strategy="one_for_all"),
        [
            add(nested(supervisor(*children("x y"), name="sub", max_restarts=0))),
            count(),
            crash("a"),
            crash("sub/x"),
            spec_of("sub"),
            SHUTDOWN,
        ],
    ),
    Scenario(
        "9 start_child with a nested supervisor that fails to start: what was started is stopped",
        supervisor(child("a")),
        [add(nested(supervisor(child("x"), child("y", fails=[1]), name="sub"))), which()],
    ),
    Scenario(
        "9 delete_child of a nested supervisor",
        supervisor(nested(supervisor(child("x"), name="sub")), child("a")),
        [delete("sub"), stop("sub"), delete("sub"), which(), add(child("sub"))],
    ),
    Scenario(
        "9 Calls on a nested supervisor",
        supervisor(nested(supervisor(*children("x y"), name="sub")), child("a")),
        [stop("sub/x"), add(child("z"), "sub"), delete("sub/x"), start("sub/x"), which("sub"), count("sub")],
    ),
    Scenario(
        "9 Calls made while an exit waits are answered after the restart",
        supervisor(*children("a b")),
        [together(crash("a"), stop("a")), together(start("a"), crash("b"), delete("b"))],
    ),
    Scenario(
        "9 stop_child before the exit of the child is seen takes the exit",
        supervisor(*children("a b"), max_restarts=0),
        [together(stop("a"), crash("a")), start("a"), which()],
    ),
    Scenario(
        "9 The news of a child that was stopped, deleted and added again while it was dying is ignored",
        supervisor(*children("a b"), max_restarts=0),
        [together(count(), stop("a"), delete("a"), add(child("a")), crash("a")), which()],
    ),
]

BY_PID = "section 9: children of a dynamic supervisor have names; OTP knows them by the pid of each start"

DYNAMIC = [
    Scenario("9 Dynamic supervisors: no child at boot", dynamic(), [which(), count(), SHUTDOWN]),
    Scenario(
        "9 Dynamic: start with extra arguments, appended to the template's; restarted with its own",
        dynamic(args=["t", "u"]),
        [add_dynamic("a", "x", "y"), add_dynamic("b"), crash("a"), crash("b"), count()],
    ),
    *(
        Scenario(
            f"9 Dynamic: what an exit means to a {restart} child",
            dynamic(restart),
            [add_dynamic("a"), add_dynamic("b"), add_dynamic("c"), end("a"), crash("b"), which(), count()],
        )
        for restart in ("permanent", "transient", "temporary")
    ),
    Scenario(
        "9 Dynamic: a start that fails is not kept",
        dynamic(max_restarts=0),
        [add_dynamic("a", fails=[1]), count(), add_dynamic("b"), which()],
    ),
    Scenario(
        "9 Dynamic: stop_child makes a child disappear, nothing is counted",
        dynamic(max_restarts=1),
        [add_dynamic("a"), add_dynamic("b"), stop("a"), stop("a"), stop("z"), crash("b"), which()],
    ),
    Scenario(
        "9 Dynamic: there is nothing to delete or to start by name",
        dynamic(),
        [add_dynamic("a"), delete("a"), start("a"), stop("a"), delete("a"), start("a")],
    ),
    Scenario(
        "9 Dynamic: a failed restart is retried, and each attempt counts",
        dynamic(max_restarts=3),
        [add_dynamic("a", fails=[2, 3]), add_dynamic("b"), crash("a"), crash("b")],
    ),
    Scenario(
        "9 Dynamic: give up",
        dynamic(max_restarts=1),
        [add_dynamic("a"), add_dynamic("b"), add_dynamic("c"), crash("b"), crash("b"), add_dynamic("d")],
    ),
    Scenario(
        "9 Dynamic: give up in the retries",
        dynamic(max_restarts=2),
        [add_dynamic("a", fails=range(2, 9)), add_dynamic("b"), crash("a")],
    ),
    Scenario(
        "9 Dynamic: a restarting child counts as an entry and is not active",
        dynamic(),
        [add_dynamic("a", fails=[2]), add_dynamic("b"), together(crash("a"), which(), count()), count()],
    ),
    Scenario(
        "9 Dynamic: stop_child of a restarting child cancels the retry",
        dynamic(),
        [add_dynamic("a", fails=[2]), add_dynamic("b"), together(crash("a"), stop("a")), which()],
    ),
    Scenario(
        "9 Dynamic: stop_child that comes when the child was restarted already",
        dynamic(),
        [add_dynamic("a"), together(crash("a"), stop("a")), which()],
        BY_PID,
        2,
    ),
    Scenario(
        "9 Dynamic: count_children before the exit of a child is seen",
        dynamic(),
        [add_dynamic("a"), add_dynamic("b"), together(count(), crash("a"))],
        "section 9: how many have a live process; OTP's dynamic supervisor counts a dead one until it knows",
        3,
    ),
    Scenario(
        "9 Dynamic: each crash counts, whatever the order",
        dynamic(max_restarts=2),
        [add_dynamic("a"), add_dynamic("b"), together(crash("b"), crash("a")), crash("a")],
    ),
    Scenario(
        "9 Dynamic: nested; restarted, it begins empty",
        supervisor(child("a"), nested(dynamic(name="pool", max_restarts=1)), child("b"), strategy="rest_for_one"),
        [
            add_dynamic("v", to="pool"),
            add_dynamic("w", to="pool"),
            *crashes("pool/v", 2),
            which("pool"),
            add_dynamic("u", to="pool"),
            crash("a"),
            count("pool"),
        ],
    ),
    Scenario(
        "9 Dynamic: the spec of a child is the template's",
        dynamic("transient"),
        [add_dynamic("a"), spec_of("a"), end("a"), spec_of("a"), stop("a")],
    ),
]

SCENARIOS = [*TABLE, *ANSWERS, *DYNAMIC]
