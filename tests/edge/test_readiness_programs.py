"""Programs that others have written, and what they say when they are ready. Who is not installed is named."""

from __future__ import annotations

import os
import shutil
import socket
import sys

import pytest
from tests.edge.recorder import python, sh

from regrow._specs.asking import HttpOk, Succeeds
from regrow._specs.combined import AllOf
from regrow._specs.facts import Awaiting, Output, Ready, Remark
from regrow._specs.readiness import FileExists, Notified, OutputLine, TcpPort, UnixSocket

assert sys.platform != "win32"

once = pytest.mark.parametrize("tuning", ["compiled", "group"], indirect=True, ids=str)
ADMINISTRATORS = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def program(name):
    """Where it is."""
    found = shutil.which(name, path=ADMINISTRATORS)
    if found is None:
        pytest.skip(f"{name.upper()} IS NOT TRIED: it is not installed here")
    return found


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@once
async def test_redis_on_a_port_and_a_unix_socket(lab, port, tmp_path):
    command = [
        program("redis-server"),
        "--port",
        str(port),
        "--unixsocket",
        "redis.sock",
        "--save",
        "",
        "--daemonize",
        "no",
    ]
    probe = AllOf(TcpPort(port), UnixSocket("redis.sock"), OutputLine("Ready to accept connections"))
    life = await lab.launch(command, ready=probe, cwd=tmp_path)
    await life.wait_for(lambda: life.is_ready)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"PING\r\n")
        assert client.recv(100) == b"+PONG\r\n"
    assert not life.has(Remark)


@once
async def test_redis_says_what_systemd_wants_to_hear(lab, port, tmp_path):
    command = [
        program("redis-server"),
        "--port",
        str(port),
        "--supervised",
        "systemd",
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    life = await lab.launch(command, ready=AllOf(Notified(), TcpPort(port)))
    await life.wait_for(lambda: life.is_ready or b"compiled without" in life.stdout)
    if not life.is_ready:
        pytest.skip("REDIS IS NOT TRIED WITH SYSTEMD'S PROTOCOL: this one was built without it")


@once
async def test_nginx_answers(lab, port, tmp_path):
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off;"
        + "".join(f" {kind}_temp_path {tmp_path}/{kind};" for kind in
                  ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        + f" server {{ listen 127.0.0.1:{port}; location = /health {{ return 200 'fine'; }} }} }}"
    )  # fmt: skip
    command = [program("nginx"), "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)]
    probe = AllOf(HttpOk(f"http://127.0.0.1:{port}/health", body="^fine$"), FileExists(tmp_path / "pid"))
    life = await lab.launch(command, ready=probe)
    await life.wait_for(lambda: life.is_ready)


@once
async def test_systemd_notify_is_understood(lab):
    program("systemd-notify")
    script = "systemd-notify --status='reading its data'; systemd-notify --ready; echo done; exec sleep 1000"
    life = await lab.launch(sh(script), ready=Notified())
    await life.wait_for(lambda: life.is_ready)
    await life.wait_printed(b"done")  # it waits until it has been heard
    assert Remark("reading its data") in life.facts


@once
async def test_socat_can_say_it_too(lab):
    program("socat")
    script = 'printf READY=1 | socat - "ABSTRACT-SENDTO:${NOTIFY_SOCKET#@}"; exec sleep 1000'
    life = await lab.launch(sh(script), ready=Notified())
    await life.wait_for(lambda: life.is_ready)


async def test_a_slow_starter_is_ready_when_it_is_and_not_before(lab, port):
    """As a JVM: it prints, it works, it forks, and long afterwards it listens."""
    command = [*python(
        "import socket, time",
        "print('Starting', flush=True)",
        "end = time.monotonic() + 0.3",
        "while time.monotonic() < end: pass",
        "if os.fork(): signal.pause()",
        "server = socket.create_server(('127.0.0.1', int(sys.argv[1])))",
        "print('Started in 0.3 s', flush=True); signal.pause()",
    ), str(port)]  # fmt: skip
    life = await lab.launch(command, ready=AllOf(TcpPort(port), OutputLine("^Started in"), Succeeds(["true"])))
    await life.wait_for(lambda: life.is_ready)
    started = [index for index, fact in enumerate(life.facts) if isinstance(fact, Output) and b"Started" in fact.data]
    assert started[0] < life.facts.index(Ready())
    assert next(fact.what for fact in life.facts if isinstance(fact, Awaiting)).count(" and ") == 2
