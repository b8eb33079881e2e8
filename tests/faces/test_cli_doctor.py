"""`regrow doctor` says what this machine gives, tried out, and what is missing and why."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from regrow._cli.doctor import lines
from regrow._cli.main import main
from regrow._edge.cgroups.place import Place
from regrow._edge.guardian.locate import locate
from regrow._edge.machine import layers, limits, looking
from regrow._edge.machine.facts import Limit, Machine

assert sys.platform == "linux"

NAMES = [
    "process group",
    "guardian, compiled",
    "guardian, in Python",
    "pidfd",
    "/proc lists children",
    "control groups",
    "pid namespaces",
    "no_new_privs",
]


def report(capsys, *words):
    """What `regrow doctor --json` says, and its exit code."""
    code = main(["doctor", "--json", *words])
    return json.loads(capsys.readouterr().out), code


def layer(told, name):
    return next(layer for layer in told["layers"] if layer["name"] == name)


def test_it_says_each_layer_what_it_promises_and_how_it_is_found(capsys):
    told, code = report(capsys)
    assert [layer["name"] for layer in told["layers"]] == NAMES
    assert all(layer["promise"] for layer in told["layers"])
    assert all(layer["there"] or layer["detail"] for layer in told["layers"])
    assert layer(told, "guardian, in Python")["there"]
    assert layer(told, "guardian, compiled")["there"] == (locate("compiled") is not None)
    assert (told["safe"], code) == (True, 0)
    assert told["containment"].startswith("guardian")
    assert set(told["facts"]) == {"system", "Python", "regrow", "trio", "user", "process"}


def test_people_are_told_the_same(capsys):
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {name}  " in printed or f"  {name} " in printed for name in NAMES)
    assert printed.endswith("Nothing survives the supervisor here.\n")
    assert max(map(len, printed.splitlines())) <= 120


def without_guardians(monkeypatch, command):
    """Have every guardian be *command*."""
    monkeypatch.setattr(layers, "locate", lambda kind: command)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (None, "where there is a C compiler"),
        (["/etc/passwd"], "/etc/passwd cannot be executed: Permission denied"),
        (["/no/such/guardian"], "/no/such/guardian cannot be executed: No such file or directory"),
        (["/bin/false"], "/bin/false does not run here: exit code 1"),
    ],
)
def test_where_no_guardian_can_be_had_it_says_why_and_that_much_survives(monkeypatch, capsys, command, why):
    without_guardians(monkeypatch, command)
    told, code = report(capsys)
    assert why in layer(told, "guardian, compiled")["detail"]
    assert (told["safe"], told["containment"], code) == (False, "group", 1)
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "  NO   guardian, compiled" in printed
    assert "SURVIVES HERE" in printed
    assert "--state-dir" in printed


def test_a_guardian_that_does_not_answer_is_not_waited_for(monkeypatch, capsys):
    monkeypatch.setattr(layers, "_LIMIT", 0.1)
    without_guardians(monkeypatch, ["/bin/sh", "-c", "exec sleep 1000"])
    told, _ = report(capsys)
    assert layer(told, "guardian, compiled")["detail"] == "/bin/sh does not answer"


def test_what_the_kernel_does_not_give_is_said(monkeypatch, capsys):
    monkeypatch.setattr(layers, "has_pidfd", lambda: False)
    monkeypatch.setattr(
        layers, "why_no_namespace", lambda: "the kernel refuses a pid namespace: Operation not permitted"
    )
    monkeypatch.setattr(layers, "find_cgroup", lambda: "no control groups of version 2 are mounted here")
    told, code = report(capsys)
    assert "a filter of the container forbids pidfd_open" in layer(told, "pidfd")["detail"]
    assert layer(told, "pid namespaces")["detail"].endswith("Operation not permitted")
    assert layer(told, "control groups")["detail"].startswith(
        "no control groups of version 2 are mounted here; REGROW_CGROUP"
    )
    assert (told["containment"], code) == ("guardian", 0)


def test_control_groups_are_used_for_all_children_where_they_help_all(monkeypatch, capsys):
    place = Place("/sys/fs/cgroup/x", is_own=False)
    monkeypatch.setattr(layers, "find_cgroup", lambda: place)
    for module in (layers, looking):
        monkeypatch.setattr(module, "are_for_all", lambda: True)
    told, _ = report(capsys)
    assert told["containment"] == "guardian+cgroup"


def test_the_limit_that_is_reached_first_is_the_number_of_children():
    words = 'ulimit -n 100; exec "$0" -m regrow doctor --json'
    printed = subprocess.run(["sh", "-c", words, sys.executable], capture_output=True, check=True).stdout
    told = json.loads(printed)
    assert told["children"] == 50
    files = next(limit for limit in told["limits"] if limit["name"].startswith("open files"))
    assert (files["value"], files["per_child"]) == (100, 2)


def test_the_processes_of_a_user_are_counted_unless_that_is_root(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda what: (300, 300))
    for user, expected in ((1000, [150]), (0, [])):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        found = [limit.children for limit in limits.limits(is_guarded=True) if "this user" in limit.name]
        assert found == expected


def test_the_lowest_limit_of_all_groups_above_us_counts(monkeypatch, tmp_path):
    own = tmp_path / "slice" / "service"
    own.mkdir(parents=True)
    for folder, value in ((tmp_path, None), (tmp_path / "slice", "70"), (own, "max")):
        (folder / "cgroup.procs").touch()
        if value:
            (folder / "pids.max").write_text(f"{value}\n")
    monkeypatch.setattr(limits, "_own_groups", lambda: iter([Path(own)]))
    found = {limit.name: limit.value for limit in limits.limits(is_guarded=True)}
    assert found["control group (pids.max)"] == 70


def test_without_limits_there_is_no_number():
    endless = Limit(name="x", value=None, per_child=2)
    machine = Machine(facts={"system": "x"}, containment="job", layers=(), limits=(endless,))
    assert machine.tightest is None
    assert "  x    no limit" in list(
        lines(Machine(facts={"a": "b"}, containment="job", layers=layers_of(), limits=(endless,)))
    )


def layers_of():
    return tuple(layer for layer in layers.layers() if layer.name == "process group")


def test_it_loads_no_event_loop():
    program = "import sys; from regrow._cli.main import main; main(['doctor']); print(*sys.modules, file=sys.stderr)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"trio", "structlog"} & set(told.stderr.split())
