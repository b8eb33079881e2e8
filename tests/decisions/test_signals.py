"""Signals by name: numbers differ between machines."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow._specs.signals import signal_name, signal_number


@given(st.integers(1, 64))
def test_every_signal_has_a_name_that_leads_back_to_it(number):
    name = signal_name(number)
    assert signal_number(name) == number or name == f"SIG{number}"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("SIGTERM", signal.SIGTERM),
        ("SIGRTMIN", signal.SIGRTMIN),
        ("SIGRTMIN+2", signal.SIGRTMIN + 2),
        ("SIGRTMIN+99", None),
        ("SIGNONSENSE", None),
    ],
)
def test_a_signal_is_known_by_its_name(name, number):
    assert signal_number(name) == number


def test_a_number_that_is_no_signal_has_a_name_all_the_same():
    assert signal_name(1000) == f"SIGRTMIN+{1000 - signal.SIGRTMIN}"
    assert signal_name(33) == "SIG33"


def test_a_system_without_real_time_signals_has_none(monkeypatch):
    monkeypatch.delattr(signal, "SIGRTMIN")
    assert signal_number("SIGRTMIN+1") is None
    assert signal_name(77) == "SIG77"
