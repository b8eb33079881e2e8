"""Probes that ask: HTTP by a GET, anything else by a command."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys

import pytest
import trio
from tests.edge.recorder import SLEEPS, python, sh

from regrow._edge.readying import http
from regrow._specs.asking import HttpOk, Succeeds
from regrow._specs.facts import Awaiting, ReadyFailed
from regrow._specs.stop import KILL

assert sys.platform != "win32"

SERVE = (
    "import socket",
    "server = socket.create_server(('127.0.0.1', int(sys.argv[1])))",
    "answers = [answer.encode() for answer in sys.argv[2:]]",
    "for number in range(10**9):",
    "    client = server.accept()[0]",
    "    asked = client.recv(4096)",
    "    client.sendall(answers[min(number, len(answers) - 1)])",
    "    client.close()",
    "    print(asked, flush=True)",
)
once = pytest.mark.parametrize("tuning", ["group"], indirect=True, ids=str)
"""For what does not depend on the form of the launcher."""

OK = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def answers(port, *texts):
    """A server that answers one after the other, and goes on with the last."""
    return [*python(*SERVE), str(port), *texts]


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


async def test_a_server_is_ready_when_it_says_so(lab, port):
    late = "HTTP/1.1 503 Service Unavailable\r\n\r\n"
    life = await lab.launch(answers(port, late, late, OK), ready=HttpOk(f"http://127.0.0.1:{port}/health?deep=1"))
    await life.wait_for(lambda: life.is_ready)
    await life.wait_for(lambda: life.stdout.count(b"\n") == 3)
    asked = life.stdout.split(b"\n")[0].decode()
    assert asked == repr(
        f"GET /health?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: regrow\r\nAccept: */*\r\n"
        "Connection: close\r\n\r\n".encode()
    )


@once
@pytest.mark.parametrize(
    ("answer", "settings", "why"),
    [
        ("HTTP/1.1 404 Not Found\r\n\r\n", {}, "the answer was 404"),
        ("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", {}, "the answer was 302"),
        ("HTTP/1.1 204 No Content\r\n\r\n", {"status": 200}, "the answer was 204"),
        (OK, {"body": "bye"}, "the answer was 200, with another body: b'hello'"),
        ("+PONG\r\n\r\n", {}, "the answer is no HTTP: it begins with '+PONG'"),
        ("HTTP/1.1 2x0 OK\r\n\r\n", {}, "the answer is no HTTP: it begins with 'HTTP/1.1 2x0 OK'"),
        ("HTTP/1.1 200 OK\r\nX:", {}, r"the answer is no HTTP, or not whole: it begins with b'HTTP/1.1 200 OK\r\nX:'"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", {"body": "x"},
         "the answer is no HTTP: a chunk begins with b'zz'"),
        ("HTTP/1.1 200 OK\r\n" + "X: y\r\n" * 20000, {},
         r"the answer is no HTTP, or not whole: it begins with b'HTTP/1.1 200 OK\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r'"),
        ("", {}, "the answer is no HTTP, or not whole: it begins with b''"),
    ],
)  # fmt: skip
async def test_what_is_not_right_is_said(port, answer, settings, why, lab):
    probe = HttpOk(f"http://127.0.0.1:{port}/", interval=0.05, **settings)
    life = await lab.launch(answers(port, answer), ready=probe, start_timeout=1.0)
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert life.failure == f"not ready within 1 s: still waiting for {probe}; last error: {why}"


@once
@pytest.mark.parametrize(
    ("answer", "settings"),
    [
        (OK, {"body": "^hello$"}),
        (OK, {"status": [200, 204]}),
        ("HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n", {"status": 302}),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", {}),
        ("HTTP/1.1 200 OK\r\n\r\nall until the end", {"body": "end$"}),
        ("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\ncut off", {"body": "off"}),
        (
            "HTTP/1.1 200 OK\r\nTRANSFER-encoding: Chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            {"body": "^hello$"},
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", {}),
    ],
)
async def test_what_is_right_is_believed(port, answer, settings, lab):
    life = await lab.launch(answers(port, answer), ready=HttpOk(f"http://127.0.0.1:{port}", **settings))
    await life.wait_for(lambda: life.is_ready)


@once
async def test_nobody_there_is_said_too(lab, port):
    life = await lab.launch(SLEEPS, ready=HttpOk(f"http://127.0.0.1:{port}/"), start_timeout=1)
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert life.failure.endswith("last error: Connection refused")


@once
async def test_a_server_that_takes_too_long_is_asked_again(lab, port):
    lines = ("import socket", f"server = socket.create_server(('127.0.0.1', {port}))",
             "first = server.accept()[0]",
             "while True:",
             "    later = server.accept()[0]",
             f"    later.recv(100); later.sendall({OK.encode()!r}); later.close()")  # fmt: skip
    life = await lab.launch(python(*lines), ready=HttpOk(f"http://127.0.0.1:{port}/", timeout=0.2))
    await life.wait_for(lambda: life.is_ready)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel does not tell who listens")
async def test_a_stranger_that_answers_well_is_not_believed(lab, port):
    with subprocess.Popen(answers(port, OK), stdout=subprocess.DEVNULL) as process:  # noqa: ASYNC220
        life = await lab.launch(SLEEPS, ready=HttpOk(f"http://127.0.0.1:{port}/"), start_timeout=1.0)
        await life.wait_for(lambda: life.has(ReadyFailed))
        process.kill()
    assert f"(answered by process {process.pid} (" in life.failure


@once
async def test_python_http_server_is_ready_when_it_serves(lab, port, tmp_path):
    (tmp_path / "index.html").write_text("it works")
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    life = await lab.launch(command, ready=HttpOk(f"http://127.0.0.1:{port}/", body="it works"), cwd=tmp_path)
    await life.wait_for(lambda: life.is_ready)


@pytest.fixture
def certificate(tmp_path):
    """A key and a certificate that nobody has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("HTTPS IS NOT TESTED: there is no openssl here")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2"]
    subprocess.run([*command, "-subj", "/CN=localhost"], check=True, capture_output=True)
    return key, cert


def serves_tls(port, key, cert):
    return python(
        "import socket, ssl",
        "context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)",
        f"context.load_cert_chain({str(cert)!r}, {str(key)!r})",
        f"server = socket.create_server(('127.0.0.1', {port}))",
        "while True:",
        "    client = server.accept()[0]",
        "    try: client = context.wrap_socket(client, server_side=True)",
        "    except OSError: continue",
        "    client.recv(4096)",
        f"    client.sendall({OK.encode()!r})",
        "    client.close()",
    )


@once
async def test_https_may_be_unverified(lab, port, certificate):
    probe = HttpOk(f"https://127.0.0.1:{port}/", verify=False, body="hello")
    life = await lab.launch(serves_tls(port, *certificate), ready=probe)
    await life.wait_for(lambda: life.is_ready)


@once
async def test_https_is_verified(lab, port, certificate):
    probe = HttpOk(f"https://127.0.0.1:{port}/")
    life = await lab.launch(serves_tls(port, *certificate), ready=probe, start_timeout=1.0)
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert life.failure.endswith("last error: the connection broke: CERTIFICATE_VERIFY_FAILED")


async def test_no_more_than_a_part_of_a_body_is_read(monkeypatch):
    monkeypatch.setattr(http, "_BODY", 10)
    for head in (b"", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 100\r\n"):
        body = b"5\r\nhello\r\n" * 20 if b"chunked" in head else b"hello" * 20
        ours, theirs = trio.testing.memory_stream_pair()
        await theirs.send_all(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body)
        answer = await http.get(ours, HttpOk("http://x").parts, with_body=True)
        assert answer.body == b"hellohello"


# -- commands ----------------------------------------------------------------------------------------------------------


async def test_a_command_is_run_until_it_succeeds(lab, tmp_path):
    life = await lab.launch(sh("read line; touch there; sleep 1000"), ready=Succeeds(["test", "-e", "there"]),
                            cwd=tmp_path, stdin="pipe")  # fmt: skip
    assert not life.is_ready
    life.controls.close_stdin()
    await life.wait_for(lambda: life.is_ready)


async def test_it_knows_the_child(lab):
    probe = Succeeds(["sh", "-c", 'test "$KIND" = good && kill -0 "$REGROW_PID"'])
    life = await lab.launch(SLEEPS, ready=probe, env={"KIND": "good"})
    await life.wait_for(lambda: life.is_ready)


@once
@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["sh", "-c", "exit 3"], "exit code 3"),
        (["sh", "-c", "kill -KILL $$"], "ended by SIGKILL"),
        (["/nowhere/at/all"], "program '/nowhere/at/all' was not found"),
        (["sleep", "1000"], "no answer within 0.1 s"),
    ],
)
async def test_a_command_that_fails_says_why(lab, command, why):
    probe = Succeeds(command, interval=0.05, timeout=0.1 if "sleep" in command else 5.0)
    life = await lab.launch(SLEEPS, ready=probe, start_timeout=1.0)
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert life.failure == f"not ready within 1 s: still waiting for {probe}; last error: {why}"


async def test_a_command_ends_with_the_child(lab):
    life = await lab.launch(sh("read line; exit 4"), ready=Succeeds(["sleep", "1000"], timeout=1000), stdin="pipe")
    await life.wait_for(lambda: life.has(Awaiting))
    life.controls.close_stdin()
    assert (await life.wait_exited()).code == 4  # that nothing is left, every test here sees


async def test_a_command_ends_with_the_stop(lab):
    life = await lab.launch(SLEEPS, ready=Succeeds(["sleep", "1000"], timeout=1000))
    await life.controls.stop(KILL)
    assert life.exited.killed
