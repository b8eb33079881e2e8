"""What a user's type checker sees; mypy and pyright check this file, pytest only imports it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import assert_type

from regrow import (
    Backoff,
    ChildHandle,
    ChildSpec,
    ChildStatus,
    Containment,
    Exit,
    ListenSocket,
    OutputPolicy,
    Restart,
    Statistics,
    Stop,
    SupervisorHandle,
    SupervisorSpec,
    SupervisorStatus,
    open_supervisor,
    run,
)
from regrow.abc import Launcher, Sink
from regrow.events import Event
from regrow.readiness import TcpPort
from regrow.stopping import CloseStdin, Signal
from regrow.testing import FakeLauncher


def specs() -> SupervisorSpec:
    """Words, numbers and paths are taken where they mean something."""
    child = ChildSpec(
        name="web",
        command=["python", Path("server.py")],
        cwd=Path("/tmp"),
        env={"A": "b"},
        restart="transient",
        stop=3,
        success_codes=[0, 3],
        success_signals="TERM",
        ready=TcpPort(8000),
        output="discard",
        containment="proven",
        strays=3,
        affinity=[0, 1],
        rlimits={"NOFILE": 1024, "CORE": (0, None), "CPU": None},
        user="www-data",
        extra_groups=["adm", 4],
        sockets=["127.0.0.1:80", ListenSocket("/run/web.sock", name="web")],
        fds={5: 0, 6: sys.stdin},
        backoff=Backoff(initial=1, maximum=10),
    )
    assert_type(child.command, tuple[str, ...])
    assert_type(child.cwd, str | None)
    assert_type(child.env, Mapping[str, str])
    assert_type(child.restart, Restart)
    assert_type(child.stop, Stop)
    assert_type(child.success_codes, frozenset[int])
    assert_type(child.output, OutputPolicy)
    assert_type(child.containment, Containment)
    assert_type(child.affinity, frozenset[int] | None)
    assert_type(child.extra_groups, tuple[str | int, ...] | None)
    assert_type(child.sockets, tuple[ListenSocket, ...])
    steps = Stop(steps=[CloseStdin(wait=1), Signal("TERM")], to="tree")
    return SupervisorSpec(name="app", strategy="rest_for_one", children=[child], max_restarts=len(steps.steps))


async def handles() -> None:
    """Handles know their kind."""
    async with open_supervisor(specs(), launcher=FakeLauncher(), sinks=[print]) as supervisor:
        assert_type(supervisor, SupervisorHandle)
        assert_type(supervisor["web"], ChildHandle | SupervisorHandle)
        assert_type(supervisor.child("web").status(), ChildStatus)
        assert_type(supervisor.status(), SupervisorStatus)
        assert_type(supervisor.statistics(), Statistics)
        assert_type(await supervisor["web"].wait_exit(), Exit)
        async for event in supervisor.events():
            assert_type(event, Event)


def protocols(launcher: Launcher, sink: Sink) -> int:
    """Whatever has the methods is one."""
    launchers: list[Launcher] = [launcher, FakeLauncher()]
    return run(specs(), launcher=launchers[0], sinks=[sink])


def test_the_specs_of_this_file_are_valid():
    assert specs().children[0].name == "web"
