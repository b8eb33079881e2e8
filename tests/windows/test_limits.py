"""What of a spec Windows can do; the rest is refused in words."""

from typing import Any

import attrs
import pytest

from regrow._edge.windows import numbers
from regrow._edge.windows.api import Limits
from regrow._edge.windows.limits import limits_of, missing
from regrow._specs.activity import AnyOf, CpuProgress, Heartbeat, IoProgress, Output
from regrow._specs.child import ChildSpec
from regrow._specs.hang import HangPolicy
from regrow._specs.settings import Settings
from regrow._specs.stop import Run, Signal, Stop


def spec(**fields):
    return ChildSpec(name="w", command=["w.exe"], **fields)


POSSIBLE: dict[str, list[Any]] = {
    "containment": ["auto", "proven"],
    "nice": [19, 0, -20],
    "affinity": [[0], [0, 63]],
    "rlimits": [{"AS": 2**30}, {"DATA": 1, "NPROC": 5}, {"CPU": 3}, {"AS": None}],
    "strays": [0.0, 3.0, "keep"],
    "stop": ["kill", 3.0, Stop(steps=[Signal("SIGINT"), Run(["x"])])],
    "sockets": [[]],
    "fds": [{}],
    "hang": ["never", HangPolicy(), HangPolicy(activity=AnyOf(Output(), CpuProgress()))],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in POSSIBLE for value in POSSIBLE[name]])
def test_what_windows_can_do_is_not_refused(name, value):
    assert list(missing(spec(**{name: value}))) == []


REFUSED = {
    "umask": 0o27,
    "io_priority": "idle",
    "user": "nobody",
    "group": "nobody",
    "extra_groups": (),
    "no_new_privs": True,
    "terminal": True,
    "sockets": ["127.0.0.1:0"],
    "fds": {3: 1},
    "affinity": [64],
    "rlimits": {"NOFILE": 10},
    "hang": HangPolicy(activity=AnyOf(Output(), Heartbeat())),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_windows_cannot_do_is_refused_by_the_name_of_its_field(name):
    (why,) = missing(spec(**{name: REFUSED[name]}))
    assert why.startswith(f"{name}: ")


def test_every_setting_is_either_possible_or_refused():
    assert set(POSSIBLE) | set(REFUSED) >= {field.name for field in attrs.fields(Settings)}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"containment": "namespace"}, "no pid namespaces"),
        ({"rlimits": {"AS": (1, 2)}}, "write one number"),
        ({"rlimits": {"CPU": 0}}, "no limit of 0"),
        ({"stop": Stop(steps=[Signal("SIGHUP")])}, "SIGHUP cannot be sent"),
        ({"stop": Stop(to="main")}, "write to='group'"),
        ({"stop": Stop(to="tree")}, "write to='group'"),
        ({"hang": HangPolicy(activity=IoProgress())}, "not built for Windows"),
    ],
)
def test_a_refusal_says_what_to_write_instead_or_why_not(fields, words):
    (why,) = missing(spec(**fields))
    assert words in why


def test_whom_a_stop_without_signals_reaches_is_of_no_account():
    assert not list(missing(spec(stop=Stop(steps=[Run(["x"])], to="tree"))))


def test_limits_of_a_spec_become_those_of_a_job():
    wanted = spec(rlimits={"AS": 2**31, "DATA": 2**30, "CPU": 90, "NPROC": 7}, affinity=[0, 2, 5], nice=5)
    assert limits_of(wanted) == Limits(
        memory=2**30,
        user_time=90.0,
        processes=7,
        affinity=0b100101,
        priority_class=numbers.BELOW_NORMAL_PRIORITY_CLASS,
    )


def test_without_limits_there_are_none():
    assert limits_of(spec(rlimits={"AS": None})) == limits_of(spec()) == Limits()


@pytest.mark.parametrize(
    ("nice", "name"),
    [(19, "IDLE"), (10, "IDLE"), (9, "BELOW_NORMAL"), (1, "BELOW_NORMAL"), (0, "NORMAL"), (-1, "ABOVE_NORMAL"),
     (-9, "ABOVE_NORMAL"), (-10, "HIGH"), (-20, "HIGH")],
)  # fmt: skip
def test_patience_becomes_a_class(nice, name):
    assert limits_of(spec(nice=nice)).priority_class == getattr(numbers, f"{name}_PRIORITY_CLASS")
