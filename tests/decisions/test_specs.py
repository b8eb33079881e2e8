"""SEMANTICS section 1: what a spec may be: the default, every bad value and some good ones of each field."""

from __future__ import annotations

import pickle
import signal
from pathlib import PurePosixPath
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow._specs.backoff import Backoff
from regrow._specs.child import ChildSpec, Restart, Stdin
from regrow._specs.containment import Containment
from regrow._specs.limit import RestartAbove
from regrow._specs.listen import ListenSocket
from regrow._specs.output import OutputPolicy, OutputTo
from regrow._specs.readiness import Calls, Completes, TcpPort
from regrow._specs.stop import KILL, CloseStdin, Run, Signal, Stop, To
from regrow._specs.supervisor import AutoShutdown, DynamicSpec, Order, Strategy, SupervisorSpec
from regrow.exceptions import InvalidSpecError

INF = float("inf")
NAN = float("nan")
CHILD: dict[str, Any] = {"name": "a", "command": ["program"]}
REQUIRED: dict[type, dict[str, Any]] = {
    ChildSpec: CHILD,
    SupervisorSpec: {"name": "app"},
    DynamicSpec: {"name": "pool"},
    Backoff: {},
    Stop: {},
    Signal: {},
    Run: {"command": ["program"]},
    CloseStdin: {},
    OutputPolicy: {},
    ListenSocket: {"address": "127.0.0.1:80"},
    TcpPort: {"port": 80},
    Calls: {"function": bool},
}


class Ping:
    """Anything with this method is a probe."""

    async def wait_ready(self, target: object) -> None:
        raise NotImplementedError


# -- defaults


@pytest.mark.parametrize(
    ("spec", "field", "value"),
    [
        (SupervisorSpec(name="app"), "strategy", Strategy.ONE_FOR_ONE),
        (SupervisorSpec(name="app"), "max_restarts", 3),
        (SupervisorSpec(name="app"), "window", 5.0),
        (SupervisorSpec(name="app"), "backoff", Backoff()),
        (SupervisorSpec(name="app"), "auto_shutdown", AutoShutdown.NEVER),
        (SupervisorSpec(name="app"), "order", Order.IN_TURN),
        (SupervisorSpec(name="app"), "children", ()),
        (DynamicSpec(name="pool"), "max_restarts", 3),
        (DynamicSpec(name="pool"), "max_children", None),
        (DynamicSpec(name="pool"), "template", None),
        (ChildSpec(**CHILD), "restart", Restart.PERMANENT),
        (ChildSpec(**CHILD), "significant", False),
        (ChildSpec(**CHILD), "autostart", True),
        (ChildSpec(**CHILD), "success_codes", {0}),
        (ChildSpec(**CHILD), "success_signals", set()),
        (ChildSpec(**CHILD), "ready", None),
        (ChildSpec(**CHILD), "stdin", Stdin.NULL),
        (ChildSpec(**CHILD), "cwd", None),
        (ChildSpec(**CHILD), "env", {}),
        (ChildSpec(**CHILD), "inherit_env", True),
        (ChildSpec(**CHILD), "start_timeout", 30.0),
        (ChildSpec(**CHILD), "stop", Stop()),
        (ChildSpec(**CHILD), "output", OutputPolicy()),
        (ChildSpec(**CHILD), "containment", Containment.AUTO),
        (ChildSpec(**CHILD), "strays", 0.0),
        *((ChildSpec(**CHILD), word, None) for word in ("umask", "nice", "io_priority", "affinity")),
        *((ChildSpec(**CHILD), word, None) for word in ("user", "group", "extra_groups")),
        (ChildSpec(**CHILD), "no_new_privs", False),
        (ChildSpec(**CHILD), "terminal", False),
        (ChildSpec(**CHILD), "rlimits", {}),
        (ChildSpec(**CHILD), "fds", {}),
        (ChildSpec(**CHILD), "sockets", ()),
        (ListenSocket("/s"), "backlog", 128),
        (ListenSocket("/s"), "name", ""),
        (Stop(), "to", To.GROUP),
        (Stop(), "grace", 5.0),
        (Stop(), "kill_wait", 5.0),
        (Stop(), "steps", (Signal("SIGTERM"),)),
        (Backoff(), "initial", 0.2),
        (Backoff(), "factor", 2.0),
        (Backoff(), "maximum", 30.0),
        (Backoff(), "jitter", 0.1),
        (Backoff(), "immediate", 1),
        (Backoff(), "reset_after", 10.0),
        (Backoff(), "give_up_after", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_left_out_has_its_default(spec, field, value):
    assert getattr(spec, field) == value


# -- bad values

ENTRIES = (ChildSpec, SupervisorSpec, DynamicSpec)
BAD_FLAGS = [1, "yes", None]
BAD_COUNTS = [-1, 1.5, True, "3", None]
BAD_SECONDS = [-1, NAN, "5", True, None]
BAD: list[tuple[type, str, Any]] = [
    *((kind, "name", bad) for kind in ENTRIES for bad in ["", ".", "..", "a/b", "a b"]),
    *((ChildSpec, "name", bad) for bad in ["ä", "x" * 101, "a\n", 3, None]),
    *((ChildSpec, "command", bad) for bad in ["ls -l", [], [""], ["a", 1], ["a\0"], None, 3, {"a": 1}, b"ls"]),
    *((ChildSpec, "cwd", bad) for bad in ["", "a\0", 3, b"/"]),
    *((ChildSpec, "env", bad) for bad in [{"": "x"}, {"A=B": "x"}, {"A": 1}, {1: "x"}, {"A": "\0"}, 3, ["ab", "c"]]),
    *((ChildSpec, "inherit_env", bad) for bad in BAD_FLAGS),
    *((kind, "restart", bad) for kind in ENTRIES for bad in ["always", None]),
    *((kind, "significant", bad) for kind in ENTRIES for bad in BAD_FLAGS),
    *((kind, "autostart", bad) for kind in ENTRIES for bad in BAD_FLAGS),
    *((ChildSpec, "stop", bad) for bad in ["later", True, None, Signal()]),
    *((ChildSpec, "success_codes", bad) for bad in [[-1], ["0"], [True], [2**32], None, ["x", 1]]),
    *((ChildSpec, "success_signals", bad) for bad in ["SIGNONSENSE", [10**6], None, [1.5]]),
    *((kind, "backoff", bad) for kind in ENTRIES for bad in [1.0, "none"]),
    *((ChildSpec, "ready", bad) for bad in [80, "tcp", True]),
    *((ChildSpec, "start_timeout", bad) for bad in [0, *BAD_SECONDS]),
    *((ChildSpec, "stdin", bad) for bad in ["file", None]),
    *((ChildSpec, "output", bad) for bad in [3, None]),
    *((ChildSpec, "containment", bad) for bad in ["sure", None, True]),
    *((ChildSpec, "strays", bad) for bad in ["leave", INF, *BAD_SECONDS]),
    *((ChildSpec, "umask", bad) for bad in [-1, 0o1000, "022", True, 1.0]),
    *((ChildSpec, "nice", bad) for bad in [-21, 20, "1", True]),
    *((ChildSpec, "io_priority", bad) for bad in ["best_effort:8", "realtime", "idle:1", "low", 3, "idle\n"]),
    *((ChildSpec, "affinity", bad) for bad in [[], [-1], ["0"], [True], 1.5, [[]]]),
    *((ChildSpec, "rlimits", bad) for bad in [{"FILES": 1}, {"NOFILE": -1}, {"NOFILE": "1"}, {"NOFILE": True}, 3]),
    *((ChildSpec, "rlimits", {"NOFILE": bad}) for bad in [(2, 1), (None, 1), (1,), (1, 2, 3), 2**64 - 1, 1.5]),
    *((ChildSpec, "rlimits", bad) for bad in [None, ["NOFILE"], {3: 1}, {"nofile": 1, "NOFILE": 2}]),
    *((ChildSpec, field, bad) for field in ("user", "group") for bad in ["", "a b", "a:b", -1, 2**32 - 1, True, 1.5]),
    *((ChildSpec, "extra_groups", bad) for bad in ["adm", [""], [True], [-1], 3, {"adm"}]),
    *((ChildSpec, "no_new_privs", bad) for bad in BAD_FLAGS),
    *((ChildSpec, "sockets", bad) for bad in ["127.0.0.1:80", ["80"], [80], None, [TcpPort(80)]]),
    *((ChildSpec, "fds", bad) for bad in [{2: 0}, {"3": 0}, {3: -1}, {3: "file"}, {3: True}, {True: 0}, [3], None]),
    *((ChildSpec, "terminal", bad) for bad in BAD_FLAGS),
    *((ChildSpec, "limits", bad) for bad in ["512M", [3], 3, None, {RestartAbove(age=3): 1}]),
    *((ChildSpec, "hang", bad) for bad in ["always", 30, True]),
    *((kind, "hang", bad) for kind in (SupervisorSpec, DynamicSpec) for bad in ["never", 30]),
    *((ListenSocket, "address", bad) for bad in ["", "80", ":80", "*:80", "host", "host:http", "host:65536", "::1:80"]),
    *((ListenSocket, "address", bad) for bad in ["[::g]:80", "ho st:80", "host:-1", "host:²", "host:", "x/y:80"]),
    *((ListenSocket, "address", bad) for bad in ["/" + 107 * "x", "/a\0", None, 80, ("127.0.0.1", 80)]),
    *((ListenSocket, "name", bad) for bad in ["a:b", "a b", 256 * "x", "a\n", None, 3]),
    *((ListenSocket, "backlog", bad) for bad in [0, -1, 1.5, True, None]),
    *((kind, "max_restarts", bad) for kind in (SupervisorSpec, DynamicSpec) for bad in BAD_COUNTS),
    *((kind, "window", bad) for kind in (SupervisorSpec, DynamicSpec) for bad in [0, *BAD_SECONDS]),
    *((kind, "auto_shutdown", bad) for kind in (SupervisorSpec, DynamicSpec) for bad in ["always", None]),
    *((SupervisorSpec, "strategy", bad) for bad in ["simple_one_for_one", None]),
    *((SupervisorSpec, "order", bad) for bad in ["reverse", None]),
    *((SupervisorSpec, "children", bad) for bad in ["abc", None, 3, ["a"], [Backoff()], {"a": 1}]),
    *((DynamicSpec, "template", bad) for bad in ["a", SupervisorSpec(name="a")]),
    *((DynamicSpec, "max_children", bad) for bad in [0, -1, 1.5, True]),
    *((Backoff, "initial", bad) for bad in [0, INF, *BAD_SECONDS]),
    *((Backoff, "maximum", bad) for bad in [0, INF, *BAD_SECONDS]),
    *((Backoff, "factor", bad) for bad in [0.9, INF, NAN, "2", True, None]),
    *((Backoff, "jitter", bad) for bad in [-0.1, 1.1, NAN, "0", False, None]),
    *((Backoff, "immediate", bad) for bad in BAD_COUNTS),
    *((Backoff, "reset_after", bad) for bad in BAD_SECONDS),
    *((Backoff, "give_up_after", bad) for bad in [0, -1, 1.5, True]),
    *((Stop, "steps", bad) for bad in ["SIGTERM", None, ["SIGTERM"], [Stop()]]),
    *((Stop, "to", bad) for bad in ["everyone", None]),
    *((Stop, "grace", bad) for bad in BAD_SECONDS),
    *((Stop, "kill_wait", bad) for bad in [0, INF, *BAD_SECONDS]),
    *((Signal, "signal", bad) for bad in ["SIGNONSENSE", 10**6, None, "SIGRTMIN+99"]),
    *((kind, "wait", bad) for kind in (Signal, Run, CloseStdin) for bad in [-1, NAN, "5", True]),
    *((Run, "command", bad) for bad in ["nginx -s quit", []]),
    *((OutputPolicy, "to", bad) for bad in ["nowhere", None]),
    *((OutputPolicy, "file", bad) for bad in ["", "\0", 3]),
    *((OutputPolicy, "tail_lines", bad) for bad in BAD_COUNTS),
    *((OutputPolicy, "tail_bytes", bad) for bad in BAD_COUNTS),
    *((TcpPort, "port", bad) for bad in [0, 65536, "80", True]),
    *((TcpPort, "host", bad) for bad in ["", 3]),
    *((Calls, "function", bad) for bad in ["f", None]),
    *((Calls, "interval", bad) for bad in [0, INF, *BAD_SECONDS]),
]


@pytest.mark.parametrize(("kind", "field", "bad"), BAD, ids=lambda v: getattr(v, "__name__", None) or repr(v)[:20])
def test_a_bad_value_is_refused_and_the_message_names_the_field(kind, field, bad):
    with pytest.raises(InvalidSpecError) as caught:
        kind(**{**REQUIRED[kind], field: bad})
    assert any(f".{field}" in problem.place for problem in caught.value.problems)


def test_every_field_has_a_bad_value_here():
    fields = {(kind, field.name) for kind in REQUIRED for field in attrs.fields(kind)}
    assert fields == {(kind, field) for kind, field, _ in BAD}


@pytest.mark.parametrize("kind", REQUIRED)
def test_specs_are_frozen(kind):
    spec = kind(**REQUIRED[kind])
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(spec, attrs.fields(kind)[0].name, "b")


@pytest.mark.parametrize("kind", [ChildSpec, SupervisorSpec, DynamicSpec, Backoff, Stop, OutputPolicy])
def test_specs_are_keyword_only(kind):
    with pytest.raises(TypeError):
        kind("a")


# -- good values


@given(st.text("abcXYZ019._@:-", min_size=1, max_size=100).filter(lambda name: name not in {".", ".."}))
def test_a_name_is_1_to_100_letters_digits_and_these(name):
    assert ChildSpec(name=name, command=["a"]).name == name


@pytest.mark.parametrize("kind", [Strategy, AutoShutdown, Order, Restart, Stdin, OutputTo, Containment, To])
def test_words_are_as_good_as_members(kind):
    places: dict[Any, tuple[type, dict[str, Any], str]] = {
        Strategy: (SupervisorSpec, {}, "strategy"),
        AutoShutdown: (DynamicSpec, {}, "auto_shutdown"),
        Order: (SupervisorSpec, {}, "order"),
        Restart: (ChildSpec, {}, "restart"),
        Stdin: (ChildSpec, {}, "stdin"),
        OutputTo: (OutputPolicy, {}, "to"),
        Containment: (ChildSpec, {}, "containment"),
        To: (Stop, {}, "to"),
    }
    spec, _, field = places[kind]
    for one in kind:
        more = {"file": "x"} if one is OutputTo.FILE else {}
        for value in (one, one.value):
            assert getattr(spec(**{**REQUIRED[spec], **more, field: value}), field) is one


def test_a_command_may_be_any_sequence_and_hold_paths():
    assert ChildSpec(name="a", command=(PurePosixPath("/bin/ls"), "-l")).command == ("/bin/ls", "-l")
    assert ChildSpec(name="a", command=(word for word in ["a", "b"])).command == ("a", "b")


def test_a_directory_may_be_a_path():
    assert ChildSpec(**CHILD, cwd=PurePosixPath("/tmp")).cwd == "/tmp"


def test_whole_numbers_of_seconds_become_floats():
    spec = ChildSpec(**CHILD, start_timeout=3, stop=4)
    assert type(spec.start_timeout) is float
    assert spec.stop == Stop(grace=4.0)


@pytest.mark.parametrize(("value", "stop"), [("kill", KILL), (0, Stop(grace=0)), (INF, Stop(grace=INF)), (KILL, KILL)])
def test_a_stop_may_be_seconds_or_the_word_kill(value, stop):
    assert ChildSpec(**CHILD, stop=value).stop == stop


def test_an_output_may_be_its_word():
    assert ChildSpec(**CHILD, output="discard").output == OutputPolicy(to=OutputTo.DISCARD)


@pytest.mark.parametrize("codes", [3, [3], {3}, (3,)])
def test_success_codes_may_be_one_or_many(codes):
    assert ChildSpec(**CHILD, success_codes=codes).success_codes == {3}


@pytest.mark.parametrize("signals", ["SIGTERM", "TERM", 15, signal.SIGTERM, ["TERM"], {15}])
def test_signals_may_be_names_or_numbers_one_or_many(signals):
    assert ChildSpec(**CHILD, success_signals=signals).success_signals == {"SIGTERM"}


@pytest.mark.parametrize("infinite", ["start_timeout"])
def test_there_may_be_no_limit(infinite):
    assert getattr(ChildSpec(**CHILD, **{infinite: INF}), infinite) == INF
    assert SupervisorSpec(name="app", window=INF).window == INF
    assert Backoff(reset_after=INF).reset_after == INF
    assert Stop(grace=INF).longest == INF


@pytest.mark.parametrize("ready", [TcpPort(80), Calls(bool), Completes(), Ping()])
def test_anything_with_wait_ready_is_a_probe(ready):
    assert ChildSpec(**CHILD, ready=ready).ready == ready


@pytest.mark.parametrize(
    ("ready", "words"),
    [(TcpPort(80), "TCP port 127.0.0.1:80"), (Calls(bool), "call of bool"), (Completes(), "completion")],
)
def test_a_probe_reads_as_a_fact(ready, words):
    assert str(ready) == words


def test_only_specs_that_hold_a_function_or_a_probe_of_somebody_are_local():
    assert not ChildSpec(**CHILD).is_local_only
    assert not ChildSpec(**CHILD, ready=TcpPort(80)).is_local_only
    assert not ChildSpec(**CHILD, ready=Completes()).is_local_only
    assert ChildSpec(**CHILD, ready=Calls(bool)).is_local_only
    assert ChildSpec(**CHILD, ready=Ping()).is_local_only
    assert ChildSpec(**CHILD, fds={3: 1}).is_local_only
    assert not ChildSpec(**CHILD, sockets=["127.0.0.1:0"], user="root", rlimits={"CORE": 0}).is_local_only


def test_the_environment_cannot_be_changed_afterwards_and_is_not_shown():
    env = {"SECRET": "hunter2"}
    spec = ChildSpec(**CHILD, env=env)
    env["B"] = "c"
    assert spec.env == {"SECRET": "hunter2"}
    with pytest.raises(TypeError):
        spec.env["B"] = "c"  # type: ignore[index]
    assert "<SECRET>" in repr(spec)
    assert "hunter2" not in repr(spec)


def test_the_environment_can_be_hashed_copied_and_sent():
    env = ChildSpec(**CHILD, env={"A": "1", "B": "2"}).env
    same = ChildSpec(**CHILD, env={"B": "2", "A": "1"}).env
    assert env == same
    assert hash(env) == hash(same)
    assert len(env) == 2
    assert pickle.loads(pickle.dumps(env)) == env
    assert ChildSpec(**CHILD).env == {}


def test_a_number_beyond_all_floats_is_infinite():
    assert ChildSpec(**CHILD, start_timeout=10**400).start_timeout == INF
    with pytest.raises(InvalidSpecError, match="must be more than 0"):
        ChildSpec(**CHILD, start_timeout=-(10**400))


def test_each_step_of_a_stop_has_the_grace_or_a_wait_of_its_own():
    stop = Stop(steps=[CloseStdin(wait=1), Signal("TERM"), Run(["quit"])], grace=2)
    assert [stop.wait_of(step) for step in stop.steps] == [1.0, 2.0, 2.0]
    assert stop.longest == 10.0
    assert KILL.longest == 5.0
