"""The death of one guardian, noticed and made good."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import signal
import time

import pytest
from tests.guardian.client import PATIENCE, open_client
from tests.guardian.hostile import KINDS, alive, children_of, command, wait_until_gone

from regrow._edge.guardian import guardian as in_python
from regrow._edge.guardian import wire
from regrow._edge.guardian.records import Gone, Lost


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_killed_shim_leaves_is_ended_by_the_nest(client, marker, kind):
    other = client.launch(*command("session", marker))
    child = client.launch(*command(kind, marker))
    time.sleep(0.05)
    os.kill(child.shim, signal.SIGKILL)
    client.wait(Lost, child=child.id)
    others = {other.pid, *children_of(other.pid, alive(marker))}
    assert {pid for pid, _ in alive(marker, guardians=False)} == others
    assert client.kill(other.id).was_stopped


def test_a_shim_can_be_destroyed(client, marker):
    child = client.launch(*command("scrubbed", marker))
    os.kill(child.shim, signal.SIGSTOP)  # a kill would wake it, and it might be quicker
    client.send(wire.destroy(child.id))
    client.wait(Lost, child=child.id)
    assert not alive(marker, guardians=False)


def test_all_shims_are_killed_at_once(client, marker):
    children = [client.launch(*command(kind, marker)) for kind in KINDS]
    for child in children:
        os.kill(child.shim, signal.SIGKILL)
    for child in children:
        client.wait(Lost, child=child.id)
    assert not alive(marker, guardians=False)
    client.gone(client.start("/bin/true"))


def test_a_nest_that_is_killed_takes_all_trees_with_it_and_they_are_told(guardian, marker):
    with open_client(guardian) as client:
        children = [client.launch(*command(kind, marker)) for kind in KINDS]
        client.nest.kill()
        client.read_to_end()
        assert not alive(marker) - {(client.nest.pid, 0)}
        assert {record.id for record in client.told if isinstance(record, Gone)} == {child.id for child in children}


def test_a_nest_that_is_stopped_is_woken_by_the_death_of_the_supervisor(guardian, marker):
    """And shims as well; all of them together."""
    supervisor = os.fork()
    if supervisor == 0:
        try:
            with open_client(guardian) as client:
                shims = [client.launch(*command(kind, marker)).shim for kind in ("session", "daemon", "scrubbed")]
                for pid in (*shims, client.nest.pid):
                    os.kill(pid, signal.SIGSTOP)
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(supervisor, 0)[1]) == -signal.SIGKILL
    wait_until_gone(marker, PATIENCE)


def test_a_nest_whose_parent_is_not_the_supervisor_ends_at_once(guardian, marker):
    """The supervisor died before it could be looked at, and its number may be another's."""
    command = ["/bin/sh", "-c", '"$@" & wait $!; exit $?', "sh", *guardian]
    with open_client(command) as client:
        assert client.nest.wait(PATIENCE) == 0
        assert client.told == []


def test_deaths_that_come_while_others_are_heard_of_wait_for_the_next_time():
    # A tree that forks and ends without pause has one more each time, and nobody would ever be reaped.
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.write(writing, bytes(in_python.NEWS.size))
    heard = in_python.read_signals(reading)
    next(heard)
    os.write(writing, bytes(in_python.NEWS.size))
    assert list(heard) == []
    assert len(list(in_python.read_signals(reading))) == 1
    os.close(reading)
    os.close(writing)
