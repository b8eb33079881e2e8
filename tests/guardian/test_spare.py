"""A shim in store makes one start quick; nothing depends on it."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import errno
import os
import resource
import signal

import pytest
from tests.guardian.client import PATIENCE, open_client
from tests.guardian.hostile import alive, children_of, command, facts, wait_until_gone
from tests.guardian.test_starting import children, output_of, wait_for_spare
from tests.guardian.test_stopping import wait_for

from regrow._edge.guardian import wire
from regrow._edge.guardian.records import Failed, Launched, Lost


def kill_and_wait(pid: int) -> None:
    """What was sent to it before it has really ended would be lost with it."""
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: is_dead(pid))


def is_dead(pid: int) -> bool:
    try:
        return facts(pid)[0] == "Z"
    except OSError:
        return True


def test_a_start_uses_it_and_the_next_one_is_made(client, marker):
    first = wait_for_spare(client)
    child = client.launch(*command("session", marker))
    assert child.shim == first
    second = wait_for_spare(client)
    assert second != first
    client.kill(child.id)
    assert wait_for_spare(client) == second


def test_a_spare_that_is_killed_is_replaced_and_nothing_is_told(client):
    client.hello()
    for _ in range(3):
        kill_and_wait(wait_for_spare(client))
    client.gone(client.start("/bin/true"))
    assert [type(record).__name__ for record in client.told] == ["Hello", "Launched", "Exited", "Gone"]


def test_a_spare_that_is_killed_and_not_missed_yet_does_not_spoil_a_start(client):
    for _ in range(20):
        spare = wait_for_spare(client)
        os.kill(client.nest.pid, signal.SIGSTOP)
        kill_and_wait(spare)
        child = client.start("/bin/true")
        os.kill(client.nest.pid, signal.SIGCONT)
        assert client.gone(child).status == 0


def test_a_spare_that_is_killed_with_a_start_is_lost(client, marker):
    spare = wait_for_spare(client)
    os.kill(spare, signal.SIGSTOP)
    child = client.start(*command("session", marker))
    wait_for(lambda: len(children(client.nest.pid)) == 2)  # the nest has given it the start, and made another
    os.kill(spare, signal.SIGKILL)
    client.wait(Lost, child=child)
    assert not alive(marker, guardians=False)


def test_a_start_that_is_killed_before_it_is_read_leaves_nothing(client, marker):
    spare = wait_for_spare(client)
    os.kill(spare, signal.SIGSTOP)
    child = client.start(*command("scrubbed", marker))
    client.send(wire.kill(child))  # which wakes it
    client.gone(child)
    assert not alive(marker, guardians=False)


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_spare_ends_with_its_nest(guardian, marker, is_stopped):
    with open_client(guardian) as client:
        spare = wait_for_spare(client)
        if is_stopped:
            os.kill(spare, signal.SIGSTOP)
        client.nest.kill()
        client.read_to_end()
        wait_until_gone(marker, PATIENCE)


def test_a_spare_ends_when_the_nest_is_to_end(guardian, marker):
    with open_client(guardian) as client:
        os.kill(wait_for_spare(client), signal.SIGSTOP)
        client.control.close()
        client.read_to_end()
        assert client.nest.wait(PATIENCE) == 0
    assert not alive(marker)


def test_who_cannot_have_one_starts_without(variant, marker):
    with open_client(variant("NO_SPARE")) as client:
        client.hello()
        assert client.gone(client.start("/bin/true")).status == 0
        child = client.launch(*command("session", marker))
        assert children(client.nest.pid) == [child.shim]
        assert not client.kill(child.id).left_some
        assert "A=1\n" in output_of(client, "/usr/bin/env", env={"A": "1"})
        idle_since = switches(client.nest.pid)
        client.gone(client.start("/bin/true"))
        assert switches(client.nest.pid) < idle_since + 50


def switches(pid: int) -> int:
    with open(f"/proc/{pid}/status") as file:
        return sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)


def test_descriptors_for_which_a_spare_has_no_room_are_told(client):
    spare = wait_for_spare(client)
    used = {int(number) for number in os.listdir(f"/proc/{spare}/fd")}
    free = [number for number in range(1000) if number not in used]
    resource.prlimit(spare, resource.RLIMIT_NOFILE, (free[1], resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    answer = client.wait(Launched, Failed, child=client.start("/bin/true", fds=[0, 1, 2]))
    assert isinstance(answer, Failed)
    assert (answer.stage, answer.errno) == (wire.Stage.DESCRIPTORS, errno.EMFILE)
    client.gone(client.start("/bin/true", fds=[0, 1, 2]))


def test_a_blank_that_is_killed_does_not_spoil_a_start(client, implementation, marker):
    if implementation == "c":
        pytest.skip("it has no process but the shim in store")
    spare = wait_for_spare(client)
    blank = children_of(spare, alive(marker))
    kill_and_wait(blank[0])
    child = client.start("/bin/true")
    assert client.gone(child).status == 0
    assert client.launched(child).shim == spare
