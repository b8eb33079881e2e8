"""SEMANTICS section 3: what an exit means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decisions.trees import child

from regrow._decisions.exits import Fate, classify, fate
from regrow._specs.child import Restart
from regrow._specs.exit import Exit, Reason
from regrow._specs.protocol import Exited

CODES = st.integers(0, 255)
SIGNALS = st.sampled_from(["SIGTERM", "SIGKILL", "SIGSEGV", "SIGINT", "SIGUSR1", "SIG77"])
ABNORMAL = [Reason.CRASHED, Reason.HUNG, Reason.OVER_LIMIT, Reason.FAILED_TO_START, Reason.LOST, Reason.GAVE_UP]


@given(CODES, st.sets(CODES))
def test_an_exit_code_is_a_good_end_if_it_is_one_of_success_codes(code, good):
    reason = classify(Exited(code=code), child("a", success_codes=good))
    assert reason is (Reason.NORMAL if code in good else Reason.CRASHED)


@given(SIGNALS, st.sets(st.sampled_from(["SIGTERM", "SIGINT"])), CODES)
def test_a_signal_is_a_good_end_if_it_is_one_of_success_signals_whatever_the_codes(signal, good, code):
    reason = classify(Exited(signal=signal), child("a", success_signals=good, success_codes=[code]))
    assert reason is (Reason.NORMAL if signal in good else Reason.CRASHED)


def test_by_default_only_exit_code_0_is_a_good_end():
    assert [code for code in range(256) if classify(Exited(code=code), child("a")) is Reason.NORMAL] == [0]
    assert classify(Exited(signal="SIGTERM"), child("a")) is Reason.CRASHED


def test_an_end_that_nobody_knows_is_never_a_good_one():
    assert classify(Exited(), child("a")) is Reason.CRASHED


@pytest.mark.parametrize("reason", Reason)
def test_normal_and_stopped_are_no_abnormal_ends_all_others_are(reason):
    assert reason.is_abnormal == (reason in ABNORMAL)


@pytest.mark.parametrize("reason", [Reason.NORMAL, *ABNORMAL])
def test_a_permanent_child_always_comes_back(reason):
    assert fate(Restart.PERMANENT, reason) is Fate.RESTART


@pytest.mark.parametrize("reason", ABNORMAL)
def test_a_transient_child_comes_back_after_an_abnormal_end(reason):
    assert fate(Restart.TRANSIENT, reason) is Fate.RESTART


def test_a_transient_child_that_ends_well_is_down_and_its_spec_is_kept():
    assert fate(Restart.TRANSIENT, Reason.NORMAL) is Fate.DOWN


@pytest.mark.parametrize("reason", [Reason.NORMAL, *ABNORMAL])
def test_a_temporary_child_is_forgotten(reason):
    assert fate(Restart.TEMPORARY, reason) is Fate.FORGOTTEN


@pytest.mark.parametrize(
    ("exit", "words"),
    [
        (Exit(Reason.NORMAL, code=0), "normal (exit code 0)"),
        (Exit(Reason.CRASHED, signal="SIGSEGV", core_dumped=True), "crashed (SIGSEGV, core dumped)"),
        (Exit(Reason.FAILED_TO_START, why="no such file"), "failed to start: no such file"),
        (Exit(Reason.GAVE_UP, error=ValueError("first\nsecond")), "gave up: first\n  second"),
        (Exit(Reason.CRASHED, code=1, tail=("x", "y")), "crashed (exit code 1)"),
    ],
)
def test_an_exit_is_told_in_words(exit, words):
    assert exit.describe() == words


def test_the_last_lines_of_standard_error_are_told_on_demand():
    exit = Exit(Reason.CRASHED, code=1, tail=("x", "y"))
    assert exit.describe(with_tail=True) == ("crashed (exit code 1)\n  its last lines on standard error:\n  | x\n  | y")
    assert Exit(Reason.CRASHED, code=1).describe(with_tail=True) == "crashed (exit code 1)"


def test_two_exits_are_equal_if_reason_code_and_signal_are():
    assert Exit(Reason.CRASHED, code=1, pid=3, why="a") == Exit(Reason.CRASHED, code=1, pid=4, tail=("b",))
    assert Exit(Reason.CRASHED, code=1) != Exit(Reason.CRASHED, code=2)
    assert Exit(Reason.CRASHED, signal="SIGTERM") != Exit(Reason.HUNG, signal="SIGTERM")


@pytest.mark.parametrize(
    ("exit", "returncode"),
    [
        (Exit(Reason.CRASHED, code=3), 3),
        (Exit(Reason.CRASHED, signal="SIGKILL"), -9),
        (Exit(Reason.CRASHED, signal="SIGNONSENSE"), None),
        (Exit(Reason.LOST), None),
    ],
)
def test_the_returncode_is_as_subprocess_has_it(exit, returncode):
    assert exit.returncode == returncode
