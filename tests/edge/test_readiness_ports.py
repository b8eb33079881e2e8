"""Who answers at a port or a unix socket: the child, or a stranger, who is found out and named."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.edge.forms import only_guarded
from tests.edge.recorder import SLEEPS, python

import regrow
from regrow._edge.guarding.namespaces import why_no_namespace
from regrow._edge.readying import owners
from regrow._specs.combined import AllOf
from regrow._specs.facts import Awaiting, Ready, ReadyFailed, Remark
from regrow._specs.listen import ListenSocket
from regrow._specs.readiness import Notified, TcpPort, UnixSocket

assert sys.platform != "win32"

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel does not tell who listens")

NAME = Path(sys.executable).name[:15]
"""What the kernel calls our Python."""

SERVE = (
    "import socket",
    "server = socket.create_server(('127.0.0.1', int(sys.argv[1])), reuse_port=True)",
    "print('listening', flush=True)",
)


def serves(port, *lines, then="signal.pause()"):
    """A program that listens to *port*, with some lines before it does."""
    return [*python(*lines, *SERVE, then), str(port)]


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def stranger():
    """A program of nobody's that listens: its port and its pid."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
    command = [*python(*SERVE, "sys.stdin.read()"), str(number)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"listening\n"
        yield number, process.pid
        process.stdin.close()


@only_linux
async def test_a_port_that_a_stranger_holds_is_not_believed(lab, stranger):
    port, pid = stranger
    life = await lab.launch(SLEEPS, ready=TcpPort(port), start_timeout=1.0)
    await life.wait_for(lambda: life.has(ReadyFailed))
    why = f"TCP port 127.0.0.1:{port} (answered by process {pid} ({NAME}), which is not its own)"
    assert life.failure == f"not ready within 1 s: still waiting for {why}"
    assert life.facts.count(Awaiting(why)) == 1
    assert not life.is_ready


@only_linux
async def test_a_child_that_cannot_have_its_port_dies_of_it_and_is_not_ready(lab, stranger):
    port, _ = stranger
    life = await lab.launch(python("import socket, time", f"socket.create_server(('127.0.0.1', {port}))"),
                            ready=TcpPort(port))  # fmt: skip
    assert (await life.wait_exited()).code == 1
    assert not life.is_ready
    assert b"Address already in use" in life.stderr


@only_linux
async def test_when_the_stranger_goes_the_child_is_believed(lab, stranger):
    port, pid = stranger
    life = await lab.launch(serves(port, "sys.stdin.read()"), ready=TcpPort(port), stdin="pipe")
    await life.wait_for(lambda: any("not its own" in fact.what for fact in life.facts if isinstance(fact, Awaiting)))
    os.kill(pid, 9)
    life.controls.close_stdin()
    await life.wait_for(lambda: life.is_ready)


@only_linux
async def test_of_two_who_share_a_port_one_is_enough(lab, stranger):
    port, _ = stranger
    life = await lab.launch(serves(port), ready=TcpPort(port))
    await life.wait_for(lambda: life.is_ready)


@only_linux
async def test_who_listens_nearer_to_the_address_answers(lab, stranger):
    """The child has the port, too, but on all addresses: the kernel prefers who asked for this very one."""
    port, pid = stranger
    lines = ("import socket", f"server = socket.create_server(('0.0.0.0', {port}), reuse_port=True)",
             "print('listening', flush=True); signal.pause()")  # fmt: skip
    life = await lab.launch(python(*lines), ready=TcpPort(port), start_timeout=1.0)
    await life.wait_printed(b"listening")
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert f"answered by process {pid}" in life.failure


async def test_a_descendant_may_listen(lab, port):
    life = await lab.launch(serves(port, "if os.fork(): signal.pause()"), ready=TcpPort(port))
    await life.wait_for(lambda: life.is_ready)


@only_guarded  # without guardians it would be left behind
async def test_one_who_has_left_the_group_may_listen(lab, port):
    lines = "if os.fork(): signal.pause()", "os.setsid()", "if os.fork(): os._exit(0)", "os.setsid()"
    life = await lab.launch(serves(port, *lines), ready=TcpPort(port))
    await life.wait_for(lambda: life.is_ready)


@only_linux
async def test_the_grandchild_of_a_dead_middle_may_listen(lab, port):
    lines = "if os.fork(): signal.pause()", "if os.fork(): os._exit(0)"
    life = await lab.launch(serves(port, *lines), ready=TcpPort(port), start_timeout=15)
    await life.wait_for(lambda: life.has(Ready) or life.has(ReadyFailed))
    assert life.is_ready


async def test_an_address_of_the_newer_kind_will_do(lab, port):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("NO IPV6 HERE")
    lines = python("import socket", f"s = socket.create_server(('::1', {port}), family=socket.AF_INET6)",
                   "signal.pause()")  # fmt: skip
    life = await lab.launch(lines, ready=TcpPort(port, "::1"))
    await life.wait_for(lambda: life.is_ready)


async def test_all_addresses_at_once_will_do(lab, port):
    lines = python("import socket", f"s = socket.create_server(('::', {port}), family=socket.AF_INET6, "
                   "dualstack_ipv6=True)", "signal.pause()")  # fmt: skip
    if not socket.has_dualstack_ipv6():
        pytest.skip("NO IPV6 HERE")
    life = await lab.launch(lines, ready=TcpPort(port))
    await life.wait_for(lambda: life.is_ready)
    assert not life.has(Remark)


@only_linux
async def test_a_port_that_we_hold_ourselves_is_not_its_own(lab):
    with socket.create_server(("127.0.0.1", 0)) as server:
        life = await lab.launch(SLEEPS, ready=TcpPort(server.getsockname()[1]), start_timeout=0.5)
        await life.wait_for(lambda: life.has(ReadyFailed))
    assert f"answered by process {os.getpid()} (" in life.failure
    assert "which is not its own" in life.failure


async def test_a_socket_that_was_passed_on_is_its_own(lab):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    life = await lab.launch(SLEEPS, ready=TcpPort(port), sockets=[ListenSocket(f"127.0.0.1:{port}")])
    await life.wait_for(lambda: life.is_ready)


@only_linux
async def test_what_cannot_be_known_is_said_once(lab, port, monkeypatch):
    monkeypatch.setattr("regrow._edge.readying.owners._listening", lambda *_: (set(), ""))
    life = await lab.launch(serves(port), ready=TcpPort(port))
    await life.wait_for(lambda: life.is_ready)
    [remark] = [fact for fact in life.facts if isinstance(fact, Remark)]
    assert remark.text == (
        f"whose TCP port 127.0.0.1:{port} is, cannot be known: no socket that listens there is to be seen"
    )
    assert remark.is_answer


@only_linux
async def test_who_may_hold_it_unseen_is_no_stranger(lab, port, monkeypatch):
    monkeypatch.setattr("regrow._edge.readying.owners._holds", lambda *_: False)
    monkeypatch.setattr("os.access", lambda place, _: "/fd" not in place)
    life = await lab.launch(serves(port, "if os.fork(): signal.pause()"), ready=TcpPort(port))
    await life.wait_for(lambda: life.is_ready)
    [remark] = [fact for fact in life.facts if isinstance(fact, Remark)]
    assert remark.text.endswith("cannot be known: the open files of its processes are hidden from us")


@only_linux
def test_the_dead_hide_nothing(monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    dead = os.posix_spawn("/bin/true", ["true"], {})
    try:
        os.waitid(os.P_PID, dead, os.WEXITED | os.WNOWAIT)
        assert not owners._is_hidden(dead)
        assert owners._is_hidden(os.getpid())
    finally:
        os.waitpid(dead, 0)
    assert not owners._is_hidden(dead)


@only_guarded
@only_linux
async def test_in_a_pid_namespace_it_is_found_too(lab, port):
    if why := why_no_namespace():
        pytest.skip(f"A PID NAMESPACE IS NOT TRIED: {why}")
    lines = "if os.fork(): signal.pause()", "os.setsid()", "if os.fork(): os._exit(0)", "os.setsid()"
    probe = AllOf(TcpPort(port), Notified())
    say = "from regrow import child; assert child.ready(); signal.pause()"
    source = f"sys.path.insert(0, {str(Path(regrow.__file__).parent.parent)!r})"
    life = await lab.launch(serves(port, *lines, then=f"{source}; {say}"), ready=probe, containment="namespace")
    await life.wait_for(lambda: life.is_ready)
    assert not life.has(Remark)


# -- unix sockets ------------------------------------------------------------------------------------------------------


def serves_unix(path, *lines):
    return [*python(*lines, "import socket", "s = socket.socket(socket.AF_UNIX)",
                    "s.bind(sys.argv[1] if sys.argv[1][0] != '@' else '\\0' + sys.argv[1][1:])",
                    "s.listen(); print('listening', flush=True)", "sys.stdin.read() or signal.pause()"),
            path]  # fmt: skip


async def test_a_unix_socket_that_answers(lab, tmp_path):
    path = tmp_path / "socket"
    life = await lab.launch(serves_unix(str(path)), ready=UnixSocket(path))
    await life.wait_for(lambda: life.is_ready)
    assert not life.has(Remark)


async def test_a_relative_path_counts_from_the_directory_of_the_child(lab, tmp_path):
    life = await lab.launch(serves_unix("socket"), ready=UnixSocket("socket"), cwd=tmp_path)
    await life.wait_for(lambda: life.is_ready)


@only_linux
async def test_an_abstract_name(lab, tmp_path):
    name = f"@regrow-{os.getpid()}-{tmp_path.name}"
    life = await lab.launch(serves_unix(name), ready=UnixSocket(name))
    await life.wait_for(lambda: life.is_ready)


async def test_a_socket_that_somebody_has_left_there_is_not_ready(lab, tmp_path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "socket"))
    life = await lab.launch(SLEEPS, ready=UnixSocket(tmp_path / "socket"), start_timeout=1)
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert life.failure.endswith("last error: Connection refused")


@only_linux
async def test_a_socket_of_a_stranger_is_not_believed(lab, tmp_path):
    path = str(tmp_path / "socket")
    with subprocess.Popen(serves_unix(path), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: ASYNC220
        assert process.stdout.readline() == b"listening\n"
        life = await lab.launch(SLEEPS, ready=UnixSocket(path), start_timeout=1)
        await life.wait_for(lambda: life.has(ReadyFailed))
        process.kill()
        process.stdin.close()
    assert f"still waiting for unix socket {path} (answered by process {process.pid} (" in life.failure


async def test_one_whose_maker_is_gone_is_believed_and_that_is_said(lab, tmp_path):
    path = str(tmp_path / "socket")
    lines = ("import socket", "s = socket.socket(socket.AF_UNIX)", f"s.bind({path!r})",
             "if not (maker := os.fork()): s.listen(); os._exit(0)", "os.waitpid(maker, 0)",
             "signal.pause()")  # fmt: skip
    life = await lab.launch(python(*lines), ready=UnixSocket(path))
    await life.wait_for(lambda: life.is_ready)
    if sys.platform == "linux":
        [remark] = [fact for fact in life.facts if isinstance(fact, Remark)]
        assert remark.text.endswith("is gone, or hidden from us")


async def test_the_connections_of_a_probe_are_closed(lab, port):
    # `everything_is_given_back` looks at ours; this looks at what the child sees.
    life = await lab.launch(serves(port, then="c = server.accept()[0]; print(c.recv(1), flush=True); signal.pause()"),
                            ready=TcpPort(port))  # fmt: skip
    await life.wait_printed(b"b''")
    await life.wait_for(lambda: life.is_ready)
