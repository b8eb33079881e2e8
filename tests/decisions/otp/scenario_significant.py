"""Scenarios of section 7 of SEMANTICS.md: significant children and auto-shutdown."""

from tests.decisions.otp.scenario_words import (
    Data,
    Scenario,
    add,
    child,
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


def significant(name: str, restart: str = "transient") -> Data:
    """A significant child."""
    return child(name, restart, significant=True)


SCENARIOS = [
    Scenario(
        "7 any_significant: a transient child ends well",
        supervisor(child("a"), significant("b"), child("c"), auto_shutdown="any_significant"),
        [crash("b"), end("b"), count()],
    ),
    Scenario(
        "7 any_significant: a temporary child ends anyhow",
        supervisor(child("a"), significant("b", "temporary"), child("c"), auto_shutdown="any_significant"),
        [crash("b")],
    ),
    Scenario(
        "7 A child that is not significant triggers nothing",
        supervisor(child("a", "transient"), child("b", "temporary"), auto_shutdown="any_significant"),
        [end("a"), crash("b"), count()],
    ),
    Scenario(
        "7 all_significant: it stops if no significant child is left active",
        supervisor(child("a"), significant("b"), significant("c", "temporary"), auto_shutdown="all_significant"),
        [end("b"), crash("c")],
    ),
    Scenario(
        "7 all_significant: a significant child stopped by hand earlier counts as gone",
        supervisor(significant("a"), significant("b"), auto_shutdown="all_significant"),
        [stop("a"), end("b")],
    ),
    Scenario(
        "7 all_significant: one that was deleted is not waited for",
        supervisor(significant("a"), significant("b"), auto_shutdown="all_significant"),
        [end("a"), delete("a"), count(), end("b")],
    ),
    Scenario(
        "7 all_significant: one that was started again by hand is active",
        supervisor(significant("a"), significant("b"), auto_shutdown="all_significant"),
        [end("a"), start("a"), end("b"), end("a")],
    ),
    Scenario(
        "7 all_significant: restarting is active",
        supervisor(
            child("a", "transient", significant=True, fails=[2]),
            significant("b"),
            auto_shutdown="all_significant",
        ),
        [together(crash("a"), end("b"), which()), end("a")],
    ),
    Scenario(
        "7 all_significant: after the retry of a significant child was cancelled it is not active",
        supervisor(
            child("a", "transient", significant=True, fails=[2]),
            significant("b"),
            auto_shutdown="all_significant",
        ),
        [together(crash("a"), stop("a"), end("b"))],
    ),
    Scenario(
        "7 all_significant: a child added later counts",
        supervisor(significant("a"), auto_shutdown="all_significant"),
        [add(significant("b", "temporary")), end("a"), end("b")],
    ),
    Scenario(
        "7 Never triggered by stop_child",
        supervisor(significant("a"), significant("b", "temporary"), auto_shutdown="any_significant"),
        [stop("a"), stop("b"), count()],
    ),
    Scenario(
        "7 Never triggered by being stopped as a bystander, one_for_all",
        supervisor(
            child("a"),
            significant("b"),
            significant("c", "temporary"),
            strategy="one_for_all",
            auto_shutdown="any_significant",
        ),
        [crash("a"), count()],
    ),
    Scenario(
        "7 Never triggered by being stopped as a bystander, rest_for_one",
        supervisor(
            child("a"),
            significant("b", "temporary"),
            strategy="rest_for_one",
            auto_shutdown="all_significant",
        ),
        [crash("a"), count()],
    ),
    Scenario(
        "7 A good end that is swallowed by a group restart triggers nothing",
        supervisor(child("a"), significant("b"), strategy="one_for_all", auto_shutdown="any_significant"),
        [together(crash("a"), end("b")), end("b")],
    ),
    Scenario(
        "7 A good end that comes before the crash of a sibling triggers",
        supervisor(child("a"), significant("b"), strategy="one_for_all", auto_shutdown="any_significant"),
        [together(end("b"), crash("a"))],
    ),
    Scenario(
        "7 A crash that is restarted triggers nothing",
        supervisor(significant("a"), auto_shutdown="any_significant", max_restarts=1),
        [crash("a"), crash("a")],
    ),
    Scenario(
        "7 A call that comes after the trigger finds that the supervisor has ended",
        supervisor(significant("a"), child("b"), auto_shutdown="any_significant"),
        [together(end("a"), count(), crash("b"))],
    ),
    Scenario(
        "7 It is a good end to the supervisor above, which may trigger that one's auto-shutdown",
        supervisor(
            child("a"),
            nested(
                supervisor(significant("x"), child("y"), name="sub", auto_shutdown="any_significant"),
                "transient",
                significant=True,
            ),
            auto_shutdown="any_significant",
        ),
        [end("sub/x")],
    ),
    Scenario(
        "7 A temporary significant supervisor that gave up triggers auto-shutdown",
        supervisor(
            child("a"),
            nested(supervisor(child("x"), name="sub", max_restarts=0), "temporary", significant=True),
            auto_shutdown="any_significant",
        ),
        [crash("sub/x")],
    ),
    Scenario(
        "7 A transient significant supervisor that gave up triggers auto-shutdown",
        supervisor(
            child("a"),
            nested(supervisor(child("x"), name="sub", max_restarts=0), "transient", significant=True),
            auto_shutdown="any_significant",
        ),
        [crash("sub/x")],
    ),
    Scenario(
        "7 A permanent nested supervisor is started again, which uses up the restarts of the one above",
        supervisor(
            child("a"),
            nested(supervisor(significant("x"), child("y"), name="sub", auto_shutdown="any_significant")),
            max_restarts=2,
        ),
        [end("sub/x"), end("sub/x"), end("sub/x")],
    ),
    Scenario(
        "7 A transient nested supervisor that ended well stays down and can be started",
        supervisor(
            nested(
                supervisor(significant("x", "temporary"), name="sub", auto_shutdown="all_significant"),
                "transient",
            ),
            strategy="one_for_all",
        ),
        [end("sub/x"), crash("sub/x"), start("sub"), count("sub"), crash("sub/x"), count()],
    ),
    Scenario(
        "7 A temporary nested supervisor that ended well is forgotten",
        supervisor(
            nested(supervisor(significant("x"), name="sub", auto_shutdown="any_significant"), "temporary"),
            child("a"),
        ),
        [end("sub/x"), start("sub"), which()],
    ),
]
