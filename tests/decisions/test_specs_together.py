"""SEMANTICS section 1: what is impossible together; every problem of a tree is told at once, each with its place."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from regrow._specs.backoff import Backoff
from regrow._specs.check import leniently, problems
from regrow._specs.child import ChildSpec
from regrow._specs.output import OutputPolicy
from regrow._specs.stop import CloseStdin, Signal, Stop
from regrow._specs.supervisor import DynamicSpec, SupervisorSpec, walk
from regrow.exceptions import InvalidSpecError

CHILD: dict[str, Any] = {"name": "a", "command": ["program"]}


def messages(make: Any, **fields: Any) -> list[str]:
    with pytest.raises(InvalidSpecError) as caught:
        make(**fields)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("kind", "fields"), [(ChildSpec, CHILD), (SupervisorSpec, {"name": "a"}), (DynamicSpec, {"name": "a"})]
)
def test_significant_is_refused_with_permanent(kind, fields):
    (message,) = messages(kind, **fields, significant=True)
    assert message.startswith("a.significant: a permanent child always comes back")


@pytest.mark.parametrize("restart", ["transient", "temporary"])
def test_significant_is_refused_under_auto_shutdown_never(restart):
    child = ChildSpec(**CHILD, restart=restart, significant=True)
    for shutdown in ("any_significant", "all_significant"):
        SupervisorSpec(name="app", children=[child], auto_shutdown=shutdown)
        DynamicSpec(name="app", template=child, auto_shutdown=shutdown)
    for kind, fields in ((SupervisorSpec, {"children": [child]}), (DynamicSpec, {"template": child})):
        (message,) = messages(kind, name="app", **fields)
        assert message.startswith("app/a.significant: has no meaning while its supervisor's auto_shutdown is 'never'")


def test_names_are_unique_among_siblings():
    child, other = ChildSpec(**CHILD), SupervisorSpec(name="a", children=[ChildSpec(**CHILD)])
    (message,) = messages(SupervisorSpec, name="app", children=[child, other, child])
    assert message == "app/a: 3 children have this name; it must be unique"


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_together_needs_one_for_one(strategy):
    (message,) = messages(SupervisorSpec, name="app", strategy=strategy, order="together")
    assert message.startswith("app.order: 'together' needs strategy one_for_one")


def test_maximum_is_at_least_initial():
    (message,) = messages(Backoff, initial=5, maximum=4)
    assert message == "backoff.maximum: must be at least initial (5), not 4"


def test_a_stop_that_closes_stdin_needs_a_pipe():
    (message,) = messages(ChildSpec, **CHILD, stop=Stop(steps=[CloseStdin()]))
    assert message.startswith("a.stop: closes stdin, which is no pipe")
    ChildSpec(**CHILD, stop=Stop(steps=[CloseStdin()]), stdin="pipe")


def test_strays_are_not_kept_where_it_is_to_be_proven_that_nothing_is_left():
    (message,) = messages(ChildSpec, **CHILD, strays="keep", containment="proven")
    assert message.startswith("a.strays: 'keep' leaves processes behind, and containment='proven'")
    ChildSpec(**CHILD, strays=3, containment="proven")
    ChildSpec(**CHILD, strays="keep", containment="namespace")


def test_descriptors_come_after_the_sockets():
    (message,) = messages(ChildSpec, **CHILD, sockets=["127.0.0.1:1", "127.0.0.1:2"], fds={4: 0, 5: 0})
    assert message == "a.fds: 4 is a socket's: they have 3 to 4; write 5 or more"
    ChildSpec(**CHILD, sockets=["127.0.0.1:1"], fds={4: 0})
    ChildSpec(**CHILD, fds={3: 0})


def test_two_sockets_have_two_addresses():
    (message,) = messages(ChildSpec, **CHILD, sockets=["127.0.0.1:1", "127.0.0.1:1", "/a"])
    assert message == "a.sockets: 2 of them have the address 127.0.0.1:1"
    ChildSpec(**CHILD, sockets=["127.0.0.1:0", "127.0.0.1:0"])  # two ports


@pytest.mark.parametrize("name", ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"])
def test_what_tells_of_the_sockets_is_the_launchers(name):
    (message,) = messages(ChildSpec, **CHILD, sockets=["/a"], env={name: "1"})
    assert message == f"a.env: {name} is set by the launcher, for the sockets"
    ChildSpec(**CHILD, env={name: "1"})


def test_every_problem_of_the_settings_is_told_at_once():
    settings: dict[str, Any] = {"umask": -1, "rlimits": {"NOFILES": 1}, "io_priority": "best-effort"}
    found = messages(ChildSpec, **CHILD, **settings, sockets=["80"], fds={3: 0}, strays=-1)
    assert [message.split(": ")[0] for message in found] == [
        *("a.umask", "a.io_priority", "a.rlimits", "a.strays", "a.fds", "a.sockets[0].address")
    ]
    assert "did you mean 'best_effort'?" in found[1]
    assert "did you mean 'NOFILE'?" in found[2]
    assert "write 'host:port', '[::1]:port' or '/path/of/a/unix/socket'" in found[-1]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"NOFILE": (4, 2)}, "NOFILE: the soft limit (4) is above the hard one (2)"),
        ({"NOFILE": (None, 2)}, "NOFILE: the soft limit (unlimited) is above the hard one (2)"),
        ({"NOFILE": -1}, "NOFILE: -1 is no limit; write a whole number, (soft, hard), or None for no limit"),
        ({"NOFILE": (1, 2, 3)}, "NOFILE: (1, 2, 3) is no limit"),
        ({"RLIMIT_CORE": 1}, "'RLIMIT_CORE' is not the name of a limit; did you mean 'CORE'?"),
        ({"zzzzzz": 1}, "'ZZZZZZ' is not the name of a limit: AS, CORE, "),
        ({"CPU": 1, "cpu": 2}, "CPU is given twice, once as 'cpu'"),
    ],
)
def test_what_is_wrong_with_a_limit_is_said(limits, words):
    (message,) = messages(ChildSpec, **CHILD, rlimits=limits)
    assert message.startswith(f"a.rlimits: {words}")


def test_a_file_is_required_to_write_to_one_and_means_nothing_else():
    assert messages(OutputPolicy, to="file") == ["output.file: is required with to='file'"]
    assert messages(OutputPolicy, file="x")[0].startswith("output.file: has no meaning with to='inherit'")
    OutputPolicy(to="file", file="x")


# -- what is told


def test_a_bare_string_is_refused_with_a_hint():
    (message,) = messages(ChildSpec, name="a", command="ls -l")
    assert "no shell runs it; write ['ls', '-l'], or ['sh', '-c', 'ls -l'] if you want one" in message


def test_a_word_that_is_nearly_right_is_guessed():
    (message,) = messages(ChildSpec, **CHILD, restart="transiant")
    assert message.endswith("did you mean 'transient'?")
    (message,) = messages(ChildSpec, **CHILD, restart="zzz")
    assert "did you mean" not in message


def test_every_problem_of_a_child_is_reported_at_once():
    found = messages(ChildSpec, name="a/b", command="ls", restart="x", stop=-1, output="y", success_codes=[-1])
    places = [message.split(": ")[0] for message in found]
    assert places == [
        *("a/b.name", "a/b.command", "a/b.restart", "a/b.success_codes"),
        *("a/b.stop.grace", "a/b.output.to"),
    ]


def test_what_is_impossible_together_is_told_although_a_field_is_bad():
    found = messages(ChildSpec, **CHILD, cwd="", significant=True)
    assert [message.split(":")[0] for message in found] == ["a.cwd", "a.significant"]


def test_every_problem_of_a_tree_is_told_at_once_each_with_its_path():
    with leniently():
        api = ChildSpec(name="api", command="x", backoff=Backoff(jitter=2), stop=Stop(steps=[Signal("SIGNO")]))
        web = SupervisorSpec(name="web", children=[api, api], max_restarts=-1)
        app = SupervisorSpec(name="app", children=[ChildSpec(**CHILD), web, DynamicSpec(name="", template=api)])
    found = [problem.place for problem in problems(app)]
    bad = ["command", "stop.steps[0].signal", "backoff.jitter"]
    assert found == [
        "app/web.max_restarts",
        "app/web/api",
        *(f"app/web/api.{one}" for one in bad),
        *(f"app/web/api.{one}" for one in bad),
        "app/.name",
        *(f"app/.template.{one}" for one in bad),
    ]


def test_a_tree_that_can_run_has_no_problems():
    assert problems(SupervisorSpec(name="app", children=[ChildSpec(**CHILD)])) == []


def test_specs_are_strict_again_after_leniently_even_if_it_raised():
    with pytest.raises(ZeroDivisionError), leniently():
        raise ZeroDivisionError
    with pytest.raises(InvalidSpecError):
        Backoff(jitter=2)


def test_problems_of_a_part_are_told_with_a_place_given():
    with leniently():
        backoff = Backoff(jitter=2)
    assert [problem.place for problem in problems(backoff)] == ["Backoff.jitter"]
    assert [problem.place for problem in problems(backoff, "here")] == ["here.jitter"]


def test_a_part_that_was_made_leniently_is_told_by_the_child_that_it_is_part_of():
    with leniently():
        backoff = Backoff(jitter=2)
    (message,) = messages(ChildSpec, **CHILD, backoff=backoff)
    assert message == "a.backoff.jitter: must be from 0 to 1, not 2"


def test_one_problem_is_one_line_and_more_are_a_list():
    with pytest.raises(InvalidSpecError, match=r"^invalid spec: a\.cwd: must not be empty$"):
        ChildSpec(**CHILD, cwd="")
    with pytest.raises(InvalidSpecError, match=r"^invalid spec, 2 problems:\n  a\.cwd: .*\n  a\.stdin: "):
        ChildSpec(**CHILD, cwd="", stdin="x")


def test_the_error_can_be_pickled():
    with pytest.raises(InvalidSpecError) as caught:
        ChildSpec(**CHILD, cwd="")
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


# -- paths


def test_walk_gives_parents_first_and_siblings_in_start_order():
    inner = SupervisorSpec(name="web", children=[ChildSpec(**CHILD)])
    app = SupervisorSpec(name="app", children=[inner, ChildSpec(name="b", command=["b"]), DynamicSpec(name="pool")])
    assert [path for path, _ in walk(app)] == [".", "web", "web/a", "b", "pool"]
