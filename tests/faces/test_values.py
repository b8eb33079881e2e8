"""Specs and errors are plain values: hashed, copied and sent."""

from __future__ import annotations

import copy
import pickle

import pytest

from regrow import (
    Backoff,
    ChildSpec,
    DynamicSpec,
    Exit,
    ListenSocket,
    OutputPolicy,
    Reason,
    Stop,
    SupervisorSpec,
    exceptions,
)
from regrow._specs.check import Problem
from regrow.limits import RestartAbove, WarnAbove
from regrow.readiness import Completes, TcpPort
from regrow.stopping import CloseStdin, Run, Signal

CHILD = ChildSpec(
    name="a",
    command=["x"],
    env={"SECRET": "value"},
    stdin="pipe",
    ready=TcpPort(80),
    stop=Stop(steps=[Signal("INT"), CloseStdin(wait=1), Run(["y"])]),
    backoff=Backoff(give_up_after=3),
    output=OutputPolicy(to="file", file="log"),
    rlimits={"NOFILE": 10, "CORE": (0, None)},
    affinity=[0, 1],
    extra_groups=["adm", 4],
    sockets=[ListenSocket("127.0.0.1:80", name="web"), "/run/a.sock"],
    fds={9: 0},
    limits=[RestartAbove(memory="1G", for_=10), WarnAbove(age=9)],
)
TREE = SupervisorSpec(name="t", children=[CHILD, DynamicSpec(name="d", template=ChildSpec(name="b", command=["x"]))])
EXIT = Exit(Reason.CRASHED, code=3, tail=("last words",))
ERRORS = [
    exceptions.InvalidSpecError([Problem("a.b", "wrong")]),
    exceptions.ProcessNotFoundError("a", "did you mean 'b'?"),
    exceptions.AlreadyRunningError("a", "running"),
    exceptions.InvalidStateError("a", "delete", "running", "stop it first"),
    exceptions.SupervisorEndedError("a", "start"),
    exceptions.SpawnFailedError("a", "no", program="x", errno=2),
    exceptions.StartFailedError("a", EXIT, program="x"),
    exceptions.StateDirInUseError("/state", "by process 7", 7, "2026-11-20 15:00"),
    exceptions.SurvivorsLeftError("/state", {7: "out of reach"}, {"/sys/fs/cgroup/a": "busy"}),
    exceptions.TerminateFailedError("a", 1, 5.0, "out of reach: process 2 of user 0"),
    exceptions.PlatformNotSupportedError("pausing", "win32"),
    exceptions.OperationTimeoutError("start", 3.0),
    exceptions.IoError("read", OSError(5, "broken")),
    exceptions.TooManyRestartsError("a", "a", limit="1 in 5 s", culprit="a/b", exit=EXIT, restarts=[1.0]),
]
CODES = {
    "ProcessNotFoundError": ("PROCESS_NOT_FOUND", "Resource"),
    "AlreadyRunningError": ("ALREADY_RUNNING", "Resource"),
    "SpawnFailedError": ("SPAWN_FAILED", "Internal"),
    "TerminateFailedError": ("TERMINATE_FAILED", "Internal"),
    "InvalidStateError": ("INVALID_STATE", "Configuration"),
    "PlatformNotSupportedError": ("PLATFORM_NOT_SUPPORTED", "Configuration"),
    "OperationTimeoutError": ("TIMEOUT", "Timeout"),
    "IoError": ("IO_ERROR", "Internal"),
}


@pytest.mark.parametrize("spec", [CHILD, TREE, ChildSpec(name="c", command=["x"], ready=Completes())])
def test_a_spec_can_be_hashed_copied_and_pickled(spec):
    assert hash(spec) == hash(copy.deepcopy(spec))
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_the_values_of_an_environment_are_not_shown():
    assert "SECRET" in repr(CHILD)
    assert "value" not in repr(CHILD)
    assert dict(CHILD.env) == {"SECRET": "value"}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_can_be_pickled_with_its_facts(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__


@pytest.mark.parametrize(("name", "wanted"), CODES.items())
def test_the_eight_documented_kinds_have_their_codes_and_categories(name, wanted):
    kind = getattr(exceptions, name)
    assert issubclass(kind, exceptions.RegrowError)
    assert (kind.code, kind.category) == wanted


def test_every_error_is_in_one_tree_and_has_a_code_of_its_own_kind():
    kinds = [getattr(exceptions, name) for name in exceptions.__all__]
    assert all(issubclass(kind, exceptions.RegrowError) for kind in kinds)
    assert {type(error) for error in ERRORS} == {*kinds} - {exceptions.RegrowError}


def test_errors_are_also_what_python_calls_them():
    assert issubclass(exceptions.OperationTimeoutError, TimeoutError)
    assert issubclass(exceptions.IoError, OSError)
    assert issubclass(exceptions.InvalidSpecError, ValueError)
    assert issubclass(exceptions.ProcessNotFoundError, LookupError)


def test_an_environment_is_a_mapping():
    assert CHILD.env["SECRET"] == "value"
    assert list(CHILD.env) == ["SECRET"]
    assert len(CHILD.env) == 1


def test_a_number_beyond_all_floats_is_infinite():
    assert ChildSpec(name="a", command=["x"], start_timeout=10**400).start_timeout == float("inf")
    with pytest.raises(exceptions.InvalidSpecError, match="must be more than 0"):
        ChildSpec(name="a", command=["x"], start_timeout=-(10**400))
