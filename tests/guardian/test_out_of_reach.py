"""What the guardian may not kill: it is said, waited for, and never called gone."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import shutil
import signal
import time
from contextlib import suppress

import psutil
import pytest
from tests.guardian.client import Client, open_client
from tests.guardian.hostile import alive, facts

from regrow._edge.guardian import wire
from regrow._edge.guardian.records import Gone, OutOfReach, Stuck

SCRIPT = "(setsid setpriv --reuid=65533 --clear-groups sleep {m} &); (setsid sleep {m} &); sleep 0.2; exec sleep {m}"

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root can make a process that we may not kill"
)


@pytest.fixture
def powerless(guardian) -> list[str]:
    """A guardian that is root, but may not kill what belongs to others."""
    return ["setpriv", "--bounding-set=-kill", *guardian]


def launch(client: Client, marker: str, **options) -> tuple[int, int]:
    """A child, and the process of it that is out of reach."""
    child = client.launch("/bin/sh", "-c", SCRIPT.format(m=marker), **options).id
    end = time.monotonic() + 5
    while True:
        others = [pid for pid, _ in alive(marker, guardians=False) if owner(pid) == 65533]
        if others and len(alive(marker, guardians=False)) >= 3:
            return child, others[0]
        assert time.monotonic() < end
        time.sleep(0.01)


def adopters() -> list[int]:
    """Who is above us, one of whom may have asked for orphans."""
    return [process.pid for process in psutil.Process().parents()]


def owner(pid: int) -> int | None:
    with suppress(OSError):
        return os.stat(f"/proc/{pid}").st_uid
    return None


def test_it_is_said_and_its_end_waited_for(powerless, marker):
    with open_client(powerless) as client:
        child, outside = launch(client, marker, stuck_after=0.5)
        client.send(wire.kill(child))
        told = client.wait(OutOfReach, child=child)
        assert (told.pid, told.count) == (outside, 1)
        client.wait(Stuck, child=child)
        assert [pid for pid, _ in alive(marker, guardians=False)] == [outside]
        assert not any(isinstance(record, Gone) for record in client.told)
        os.kill(outside, signal.SIGKILL)
        assert not client.gone(child).left_some


def test_it_does_not_hold_guardians_without_a_supervisor(powerless, marker):
    client = Client(powerless)
    child, outside = launch(client, marker, stuck_after=0.5)
    os.close(client.life)
    client.read_to_end()
    client.nest.wait()
    assert [pid for pid, _ in alive(marker)] == [outside]
    assert facts(outside)[1] in {"1", *map(str, adopters())}
    assert any(isinstance(record, OutOfReach) for record in client.told)
    client.control.close()
    os.close(client.events)
    os.kill(outside, signal.SIGKILL)
    time.sleep(0.1)
    assert child
