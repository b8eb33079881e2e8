"""What a hang policy says: which steps, when they are due, how a stop is bounded."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow import ChildSpec, DynamicSpec, HangPolicy, InvalidSpecError, Stop, SupervisorSpec, WatchdogConfig
from regrow._decisions import hang
from regrow._decisions.hang import Do, Due, Silence
from regrow._specs.activity import is_plain, leaves, patience
from regrow._specs.facts import Evidence
from regrow.activity import AllOf, AnyOf, Callback, CpuProgress, Heartbeat, IoProgress, Output, Probe
from regrow.readiness import Calls, Completes, Notified, OutputLine, TcpPort
from regrow.stopping import Run, Signal


def problem(make) -> str:
    with pytest.raises(InvalidSpecError) as raised:
        make()
    return str(raised.value)


# -- policies ----------------------------------------------------------------------------------------------------------


def test_a_policy_is_plain_and_has_usual_values():
    policy = HangPolicy()
    assert (policy.warn_after, policy.terminate_after, policy.kill_after, policy.start_grace) == (30, None, None, 0)
    assert policy.auto_kill
    assert policy.dump is True
    assert policy.activity is None
    assert policy.is_instant
    assert not policy.is_local_only
    assert policy.beat_within is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"warn_after": 30, "terminate_after": 20}, "hang.terminate_after: must not come before warn_after"),
        ({"terminate_after": 50, "kill_after": 40}, "hang.kill_after: must not come before terminate_after"),
        ({"warn_after": 50, "kill_after": 40}, "hang.kill_after: must not come before warn_after"),
        ({"warn_after": None}, "nothing would ever be done"),
        ({"warn_after": 0}, "must be more than 0"),
        ({"warn_after": math.inf}, "must not be infinite"),
        ({"start_grace": -1}, "must be at least 0"),
        ({"dump": "SIGNONSENSE"}, "is not a signal"),
        ({"dump": 3}, "must be true, false, or the signal"),
        ({"activity": "output"}, "must be a source of activity"),
        ({"activity": Heartbeat}, "must be a source of activity"),
        ({"warn_after": 3, "activity": Heartbeat(interval=3)}, "come too late for 3 s"),
        ({"auto_kill": 1}, "must be true or false"),
        ({"look_every": 0}, "must be more than 0"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(fields, message):
    assert message in problem(lambda: HangPolicy(**fields))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Heartbeat("mail"), "'mail' is not one of 'notify', 'pipe'"),
        (lambda: Heartbeat(interval=0), "must be more than 0"),
        (lambda: Output("stdlog"), "is not one of 'stdout', 'stderr'"),
        (lambda: CpuProgress(at_least=0), "must be more than 0"),
        (lambda: IoProgress(at_least=0), "must be at least 1"),
        (lambda: Callback(3), "must be callable"),
        (lambda: Callback(len, timeout=0), "must be more than 0"),
        (lambda: Probe("port"), "must be a probe"),
        (lambda: Probe(Completes()), "must be a probe|comes once"),
        (lambda: Probe(Notified()), "comes once"),
        (lambda: Probe(OutputLine("x")), "comes once"),
        (AnyOf, "must name a source"),
        (lambda: AllOf(Output(), 3), "number 2 must be a source"),
    ],
)
def test_a_source_that_cannot_be_is_refused(make, message):
    told = problem(make)
    assert any(part in told for part in message.split("|"))


def test_a_child_names_a_policy_or_never_or_none():
    assert ChildSpec(name="w", command=["x"], hang="never").hang == "never"
    assert "must be a HangPolicy" in problem(lambda: ChildSpec(name="w", command=["x"], hang="always"))
    assert "must be a HangPolicy or None" in problem(lambda: SupervisorSpec(name="s", hang="never"))


def test_what_is_wrong_deep_inside_has_its_place():
    with pytest.raises(InvalidSpecError, match=r"any_of\.sources"):
        AnyOf(AllOf(Heartbeat()), "x")


def test_sources_say_what_they_are():
    sources = AnyOf(Heartbeat(), AllOf(Output("stderr"), CpuProgress()), Probe(TcpPort(1)), IoProgress(), Output())
    assert str(sources).startswith("any of heartbeat, all of stderr, CPU progress, probe TCP port")
    assert [type(leaf) for leaf in leaves(sources)] == [Heartbeat, Output, CpuProgress, Probe, IoProgress, Output]
    assert str(Callback(len)) == "callback len"


def test_what_must_be_looked_at_is_known():
    assert HangPolicy(activity=AnyOf(Heartbeat(), Output())).is_instant
    assert not HangPolicy(activity=AnyOf(Heartbeat(), CpuProgress())).is_instant
    assert HangPolicy(warn_after=8).interval == 2
    assert HangPolicy(warn_after=8, look_every=0.1).interval == 0.1
    assert HangPolicy(warn_after=8, look_every=100).interval == 8
    assert patience(Output()) == 1
    assert patience(AllOf(Callback(len, timeout=3), Probe(TcpPort(1), timeout=2))) == 3


def test_a_heartbeat_is_told_when_it_is_expected():
    assert HangPolicy(warn_after=30, terminate_after=40, activity=Heartbeat()).beat_within == 30
    assert HangPolicy(activity=AnyOf(Output(), Heartbeat("pipe", interval=5))).beat_within == 10


def test_functions_are_local():
    assert HangPolicy(activity=Callback(len)).is_local_only
    assert HangPolicy(activity=AnyOf(Output(), Probe(Calls(bool)))).is_local_only
    assert not HangPolicy(activity=Probe(TcpPort(1))).is_local_only
    assert is_plain(Heartbeat())
    assert ChildSpec(name="w", command=["x"], hang=HangPolicy(activity=Callback(len))).is_local_only
    assert not ChildSpec(name="w", command=["x"], hang=HangPolicy(activity=Output())).is_local_only
    assert not ChildSpec(name="w", command=["x"], hang="never").is_local_only


# -- the settings of a watchdog ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "values"),
    [
        ("conservative", (5.0, 60.0, 10.0, 300.0, True)),
        ("aggressive", (1.0, 10.0, 2.0, 30.0, True)),
        ("development", (2.0, 30.0, 5.0, 120.0, False)),
        ("ci", (1.0, 15.0, 3.0, 60.0, True)),
        ("production", (10.0, 120.0, 30.0, 600.0, True)),
        ("debug", (0.5, 5.0, 5.0, 60.0, False)),
        ("debug_slow", (0.5, 10.0, 5.0, 60.0, False)),
        ("fast", (0.1, 5.0, 5.0, 60.0, True)),
        ("slow", (5.0, 60.0, 5.0, 65.0, True)),
    ],
)
def test_each_preset_is_as_documented_and_becomes_a_policy(preset, values):
    config = getattr(WatchdogConfig, preset)()
    check, timeout, buffer, longest, auto_kill = values
    assert (config.check_interval, config.process_timeout, config.extra_buffer, config.auto_kill) == (
        check,
        timeout,
        buffer,
        auto_kill,
    )
    policy = config.policy(Heartbeat())
    assert (policy.warn_after, policy.auto_kill, policy.activity) == (timeout, auto_kill, Heartbeat())
    assert policy.terminate_after == (timeout + buffer if auto_kill else None)
    assert policy.kill_after == longest
    assert policy.interval == min(check, timeout)


def test_the_usual_settings_read_30_35_40():
    config = WatchdogConfig()
    assert config == WatchdogConfig(
        check_interval=1, process_timeout=30, extra_buffer=5, max_hang_time=60, auto_kill=True, log_level="WARNING"
    )
    policy = config.policy()
    steps = hang.plan(policy)
    assert steps == (Due(30, Do.WARN), Due(35, Do.TERMINATE))
    assert 35 + hang.kills_after(hang.ladder(Do.TERMINATE, policy, Stop(), idle=35)) == 40


@pytest.mark.parametrize("fields", [{"log_level": "LOUD"}, {"process_timeout": 0}, {"max_hang_time": 10}])
def test_settings_that_cannot_be_are_refused(fields):
    problem(lambda: WatchdogConfig(**fields))


# -- what is due -------------------------------------------------------------------------------------------------------


def test_without_auto_kill_there_are_only_warnings():
    policy = HangPolicy(warn_after=1, terminate_after=2, kill_after=3, auto_kill=False)
    assert hang.plan(policy) == (Due(1, Do.WARN), Due(3, Do.WARN))
    assert hang.plan(HangPolicy(auto_kill=False)) == (Due(30, Do.WARN),)


def test_without_a_terminate_the_kill_is_a_step():
    assert hang.plan(HangPolicy(warn_after=None, kill_after=3)) == (Due(3, Do.KILL),)


STEPS = (Due(10, Do.WARN), Due(20, Do.TERMINATE))


@pytest.mark.parametrize(
    ("silence", "due", "step"),
    [
        (Silence(since=0), 10, Do.WARN),
        (Silence(since=0, done=1), 20, None),
        (Silence(since=0, done=2), math.inf, None),
        (Silence(since=0, not_before=17), 17, None),
        (Silence(since=-math.inf, done=1), -math.inf, Do.TERMINATE),
    ],
)
def test_a_step_is_due_when_the_silence_is_long_enough(silence, due, step):
    assert hang.due_at(STEPS, silence) == due
    assert hang.step_of(STEPS, silence, now=12) is step


# -- how it ends -------------------------------------------------------------------------------------------------------


def test_the_kill_of_a_stop_comes_no_later_than_said():
    stop = Stop(steps=[Run(["quit"]), Signal("SIGTERM", wait=10)], grace=4)
    assert hang.kills_after(stop) == 14
    assert hang.kills_after(hang.bound(stop, 100)) == 14
    cut = hang.bound(stop, 6)
    assert [step.wait for step in cut.steps] == [4, 2]
    assert [step.wait for step in hang.bound(stop, 4).steps] == [4]
    assert [step.wait for step in hang.bound(stop, 0).steps] == [0]


@given(waits=st.lists(st.floats(0, 100), max_size=5), most=st.floats(0, 200), kill_wait=st.floats(0.1, 10))
def test_a_bound_holds_and_changes_nothing_that_is_shorter(waits, most, kill_wait):
    stop = Stop(steps=[Signal(wait=wait) for wait in waits], kill_wait=kill_wait)
    bounded = hang.bound(stop, most)
    assert hang.kills_after(bounded) <= most + 1e-9 or not waits
    assert bounded.kill_wait == stop.kill_wait
    if sum(waits) < most:
        assert [step.wait for step in bounded.steps] == waits


def test_the_ladder_is_the_childs_own_or_the_bounded_one_or_the_kill():
    stop = Stop(grace=9, kill_wait=2)
    assert hang.ladder(Do.TERMINATE, HangPolicy(terminate_after=40), stop, idle=40) is stop
    bounded = hang.ladder(Do.TERMINATE, HangPolicy(terminate_after=40, kill_after=45), stop, idle=41)
    assert hang.kills_after(bounded) == 4
    late = hang.ladder(Do.TERMINATE, HangPolicy(terminate_after=40, kill_after=45), stop, idle=50)
    assert (hang.kills_after(late), len(late.steps)) == (0, 1)
    assert hang.ladder(Do.KILL, HangPolicy(kill_after=45), stop, idle=50) == Stop(steps=(), kill_wait=2)
    with pytest.raises(ValueError, match="ends nothing"):
        hang.ladder(Do.WARN, HangPolicy(), stop, idle=30)


def test_why_and_evidence_are_put_together():
    assert hang.why(35.04, "") == "no sign of life for 35.04 s"
    assert hang.why(35, "output") == "no sign of life for 35 s; the last one was output"
    old, new = Evidence(state="sleeping", stack="s", open_files=("f",)), Evidence(state="stopped")
    assert hang.merged(old, new) == Evidence(state="stopped", stack="s", open_files=("f",))
    assert hang.merged(old, None) is old
    assert hang.merged(None, new) is new
    assert hang.merged(None, None) is None


@pytest.mark.parametrize(("by", "shortest", "late"), [(0.2, 1, False), (0.3, 1, True), (0.9, 10, False), (2, 10, True)])
def test_late_is_more_than_what_a_busy_machine_takes(by, shortest, late):
    assert hang.is_late(by, shortest) is late


def test_the_default_is_for_children_without_a_word_of_their_own():
    policy, own = HangPolicy(warn_after=1), HangPolicy(warn_after=2)
    above = DynamicSpec(name="s", hang=policy)

    def child(hang):
        return ChildSpec(name="w", command=["x"], hang=hang)

    assert hang.with_default(child(None), above).hang == policy
    assert hang.with_default(child(own), above).hang == own
    assert hang.with_default(child("never"), above).hang == "never"
    assert hang.with_default(child(None), DynamicSpec(name="s")).hang is None
    assert hang.with_default(above, SupervisorSpec(name="t", hang=own)) is above
