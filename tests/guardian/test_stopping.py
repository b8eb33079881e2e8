"""A stop ends the whole tree, whatever it does; and the polite ways before it."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import signal
import time
from pathlib import Path

import pytest
from tests.guardian.client import open_client
from tests.guardian.hostile import KINDS, LEAVERS, alive, command, facts, wait_until_gone

from regrow._edge.guardian import wire
from regrow._edge.guardian.records import Gone, Stuck
from regrow._edge.guardian.wire import To


def wait_for(look, patience: float = 5.0):
    end = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.005)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_leaves_nothing_of(client, marker, kind):
    for pause in (0.0, 0.02, 0.1):
        child = client.launch(*command(kind, marker))
        time.sleep(pause)
        gone = client.kill(child.id)
        assert not alive(marker, guardians=False)
        assert os.WTERMSIG(gone.status) == signal.SIGKILL
        assert gone.was_stopped
        assert not gone.left_some


@pytest.mark.parametrize("kind", LEAVERS)
def test_what_is_left_of_it_is_ended_before_its_end_is_told(client, marker, kind):
    for _ in range(3):
        gone = client.gone(client.start(*command(kind, marker)))
        assert not alive(marker, guardians=False)
        assert os.waitstatus_to_exitcode(gone.status) == 3
        assert not gone.was_stopped
        assert gone.strays >= 1


def test_hundred_trees_are_killed_at_once(client, marker):
    kinds = [kind for kind in KINDS if kind not in ("hopper", "nomad", "wide")]
    children = [client.start(*command(kinds[i % len(kinds)], marker)) for i in range(100)]
    for child in children:
        client.launched(child)
    for child in children:
        client.send(wire.kill(child))
    for child in children:
        client.gone(child)
    assert not alive(marker, guardians=False)


def test_a_kill_reaches_a_child_that_is_still_being_started(client, marker):
    for _ in range(20):
        child = client.start(*command("scrubbed", marker))
        client.send(wire.kill(child))
        client.gone(child)
        assert not alive(marker, guardians=False)


def test_strays_may_linger_for_some_time(client, marker):
    child = client.start(*command("daemon leaver", marker), linger=0.5)
    since = time.monotonic()
    client.exited(child)
    wait_for(lambda: alive(marker, guardians=False))
    assert client.gone(child).strays == 1
    assert 0.4 < time.monotonic() - since < 4


def test_strays_that_end_in_time_are_not_killed(client, marker):
    child = client.start("/bin/sh", "-c", f"(setsid sleep 0.1 &); exit 0 # {marker}", linger=30.0)
    assert client.gone(child).strays == 0


def test_strays_may_be_kept_until_they_are_killed(client, marker):
    child = client.start(*command("daemon leaver", marker), linger=None)
    client.exited(child)
    time.sleep(0.2)
    assert len(alive(marker, guardians=False)) == 1
    assert client.kill(child).strays == 1
    assert not alive(marker, guardians=False)


def test_a_kept_stray_ends_with_the_supervisor(guardian, marker):
    with open_client(guardian) as client:
        child = client.start(*command("daemon leaver", marker), linger=None)
        client.exited(child)
        time.sleep(0.1)
        assert alive(marker, guardians=False)
    wait_until_gone(marker)


TRAPS = "trap 'echo $$ >> {file}' TERM; echo $$ >> {file}.ready; while :; do sleep 0.02; done"


@pytest.mark.parametrize(("to", "expected"), [(To.MAIN, 1), (To.GROUP, 2), (To.TREE, 4)])
def test_a_signal_reaches_whom_it_is_meant_for(client, marker, tmp_path, to, expected):
    file = tmp_path / "file"
    trap = tmp_path / "trap"
    trap.write_text(TRAPS.format(file=file))
    script = f"setsid sh {trap} {marker} & sh {trap} {marker} & (env -i setsid sh {trap} {marker} &); . {trap}"
    child = client.launch("/bin/sh", "-c", f"{script} # {marker}")
    ready = tmp_path / "file.ready"
    wait_for(lambda: ready.exists() and len(ready.read_text().split()) == 4)
    client.signal(child.id, signal.SIGTERM, to)
    wait_for(lambda: file.exists() and len(set(file.read_text().split())) >= expected)
    time.sleep(0.1)
    assert len(file.read_text().split()) == len(set(file.read_text().split())) == expected
    client.kill(child.id)


def test_signals_are_passed_on_in_order_and_none_is_lost(client, tmp_path):
    file = tmp_path / "file"
    script = "import signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, range(34, 60)); print('!', flush=True)\n"
    script += "for i in range(200): print(signal.sigwait(range(34, 60)), flush=True)"
    with file.open("wb") as output:
        child = client.launch("/usr/bin/env", "python3", "-I", "-S", "-c", script, fds=[0, output.fileno(), 2])
    wait_for(file.read_text)
    for i in range(200):
        client.signal(child.id, 34 + i % 20, To.MAIN)
    assert client.gone(child.id).status == 0
    assert sorted(map(int, file.read_text().split()[1:])) == sorted(34 + i % 20 for i in range(200))


def test_a_tree_is_paused_and_resumed(client, marker):
    child = client.launch(*command("wide", marker))
    wait_for(lambda: len(alive(marker, guardians=False)) == 17)
    client.signal(child.id, signal.SIGSTOP, To.TREE)
    wait_for(lambda: {facts(pid)[0] for pid, _ in alive(marker, guardians=False)} == {"T"})
    client.signal(child.id, signal.SIGCONT, To.TREE)
    wait_for(lambda: {facts(pid)[0] for pid, _ in alive(marker, guardians=False)} == {"S"})
    client.signal(child.id, signal.SIGSTOP, To.TREE)
    client.kill(child.id)
    assert not alive(marker, guardians=False)


def test_a_signal_to_the_group_reaches_it_after_the_main_process_too(client, marker):
    child = client.start(*command("leaver", marker), linger=None)
    client.exited(child)
    client.signal(child, signal.SIGTERM, To.GROUP)
    assert client.gone(child).strays == 0


def test_signals_and_kills_after_the_end_do_nothing(client):
    child = client.start("/bin/true")
    client.gone(child)
    client.signal(child, signal.SIGTERM, To.TREE)
    client.send(wire.kill(child))
    client.send(wire.kill(12345))
    client.gone(client.start("/bin/true"))
    assert len(client.told) == 1 + 3 + 3


def test_guardians_do_not_mind_the_signals_of_a_terminal(client, marker):
    child = client.launch(*command("session", marker))
    for pid in (client.nest.pid, child.shim):
        for number in set(range(1, 65)) - {signal.SIGKILL, signal.SIGSTOP, 32, 33}:
            os.kill(pid, number)
    assert client.kill(child.id).was_stopped


def test_the_end_of_the_control_socket_ends_everything_and_tells_it(guardian, marker):
    with open_client(guardian) as client:
        children = [client.start(*command(kind, marker)) for kind in KINDS]
        for child in children:
            client.launched(child)
        client.control.close()
        client.read_to_end()
        assert {record.id for record in client.told if isinstance(record, Gone)} == set(children)
        assert client.nest.wait() == 0
    assert not alive(marker)


def test_nothing_is_stuck_that_ends(client, marker):
    child = client.start(*command("wide", marker), stuck_after=0.2)
    client.launched(child)
    client.kill(child)
    assert not any(isinstance(record, Stuck) for record in client.told)


def test_many_orders_may_come_in_one_message(client):
    children = [client.start("/bin/sleep", "1000") for _ in range(30)]
    for child in children:
        client.launched(child)
    orders = [wire.kill(child) if child % 2 else wire.send_signal(child, 15, wire.To.MAIN) for child in children]
    client.send(wire.Request(message=b"".join(order.message for order in orders)))
    assert {os.WTERMSIG(client.gone(child).status) for child in children} == {9, 15}


def test_a_stopped_child_hears_what_is_sent_with_a_continue(client):
    child = client.start("/bin/sleep", "1000")
    launched = client.launched(child)
    client.signal(child, signal.SIGSTOP)
    wait_for_state(launched.pid, "T")
    client.send(wire.send_signal(child, signal.SIGTERM, wire.To.GROUP, and_continue=True))
    assert os.WTERMSIG(client.gone(child).status) == signal.SIGTERM


def wait_for_state(pid, state):
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != state:
        assert time.monotonic() < end
