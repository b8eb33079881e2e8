"""What the operating system is told of a child: what may be written, and what is stored."""

from __future__ import annotations

import pickle
from pathlib import PurePosixPath
from typing import Any

import pytest

from regrow._specs.child import ChildSpec
from regrow._specs.listen import ListenSocket

CHILD: dict[str, Any] = {"name": "a", "command": ["program"]}


def test_limits_are_pairs_by_names_in_upper_case_and_cannot_be_changed():
    given: dict[str, Any] = {"nofile": 10, "CORE": None, "CPU": (1, 2), "As": [1, None]}
    spec = ChildSpec(**CHILD, rlimits=given)
    assert spec.rlimits == {"NOFILE": (10, 10), "CORE": (None, None), "CPU": (1, 2), "AS": (1, None)}
    with pytest.raises(TypeError):
        spec.rlimits["CPU"] = (1, 1)  # type: ignore[index]
    assert hash(spec) == hash(ChildSpec(**CHILD, rlimits=given))
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert "'NOFILE': (10, 10)" in repr(spec)


@pytest.mark.parametrize("good", ["idle", "best_effort", "best_effort:0", "best_effort:7", "realtime:0", "realtime:7"])
def test_an_io_priority_is_a_class_and_a_level(good):
    assert ChildSpec(**CHILD, io_priority=good).io_priority == good


def test_strays_may_be_seconds_or_kept():
    assert ChildSpec(**CHILD, strays=3).strays == 3.0
    assert ChildSpec(**CHILD, strays="keep").strays == "keep"


def test_cpus_may_be_one_or_many():
    assert ChildSpec(**CHILD, affinity=1).affinity == {1}
    assert ChildSpec(**CHILD, affinity=[0, 1]).affinity == {0, 1}


def test_accounts_are_names_or_numbers():
    spec = ChildSpec(**CHILD, user="www-data", group=33, extra_groups=["adm", 4])
    assert (spec.user, spec.group, spec.extra_groups) == ("www-data", 33, ("adm", 4))
    assert ChildSpec(**CHILD, extra_groups=[]).extra_groups == ()


@pytest.mark.parametrize(
    ("address", "host", "port", "path"),
    [
        ("127.0.0.1:80", "127.0.0.1", 80, None),
        ("localhost:0", "localhost", 0, None),
        ("[::1]:65535", "::1", 65535, None),
        ("[fe80::1%eth0]:80", "fe80::1%eth0", 80, None),
        (PurePosixPath("/run/a b.sock"), "", 0, "/run/a b.sock"),
        ("/run/a:80", "", 0, "/run/a:80"),
        ("/" + 106 * "x", "", 0, "/" + 106 * "x"),
    ],
)
def test_a_socket_has_a_host_and_a_port_or_a_path(address, host, port, path):
    listening = ListenSocket(address)
    assert (listening.host, listening.port, listening.path) == (host, port, path)
    assert str(listening) == str(address)


def test_a_socket_may_be_its_address():
    assert ChildSpec(**CHILD, sockets=["[::1]:80"]).sockets == (ListenSocket("[::1]:80"),)


def test_descriptors_may_be_numbers_or_open_files():
    with open(__file__, "rb") as file:
        spec = ChildSpec(**CHILD, fds={3: 0, 7: file})
        assert spec.fds == {3: 0, 7: file}
        assert hash(spec) == hash(ChildSpec(**CHILD, fds={7: file, 3: 0}))
