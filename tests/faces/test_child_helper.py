"""What a child written in Python says with `regrow.child`, and that this costs it nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import regrow
from regrow import child

assert sys.platform != "win32"


@pytest.fixture(params=["file", "abstract"])
def supervisor(request, tmp_path, monkeypatch):
    """Somebody who hears what is said."""
    if request.param == "abstract" and sys.platform != "linux":
        pytest.skip("only Linux has such names")
    name = f"regrow-test-{os.getpid()}-{tmp_path.name}"
    place, address = (str(tmp_path / "s"),) * 2 if request.param == "file" else (f"\0{name}", f"@{name}")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(place)
        server.settimeout(10)
        yield server


def test_it_says_what_systemd_understands(supervisor):
    assert child.ready()
    assert child.alive()
    assert child.status("two\nlines  of it")
    assert child.stopping()
    assert child.extend(1.5)
    said = [supervisor.recv(100).decode() for _ in range(5)]
    assert said == ["READY=1", "WATCHDOG=1", "STATUS=two lines of it", "STOPPING=1", "EXTEND_TIMEOUT_USEC=1500000"]


def test_where_nobody_listens_nothing_happens(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("REGROW_HEARTBEAT_FD", raising=False)
    assert not any([child.ready(), child.alive(), child.status("x"), child.stopping(), child.extend(1)])
    monkeypatch.setenv("NOTIFY_SOCKET", "/nobody/there")
    monkeypatch.setenv("REGROW_HEARTBEAT_FD", "999")
    assert not any([child.ready(), child.alive()])


def test_a_beat_for_which_there_is_no_room_does_not_wait(supervisor):
    while child.alive():
        pass
    assert not child.status("full")


def test_what_is_important_waits_for_room_but_not_for_ever(supervisor, monkeypatch):
    monkeypatch.setattr(child, "_PATIENCE", 0.05)
    while child.alive():
        pass
    assert not child.ready()


def test_a_beat_goes_through_a_pipe_too(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    ours, theirs = os.pipe()
    try:
        monkeypatch.setenv("REGROW_HEARTBEAT_FD", str(theirs))
        assert child.alive()
        assert os.read(ours, 10) == b"."
        while child.alive():  # until it is full
            pass
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(("value", "seconds"), [("3000000", 1.5), ("0", None), ("x", None), (None, None)])
def test_it_knows_how_often_to_beat(value, seconds, monkeypatch):
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    if value is not None:
        monkeypatch.setenv("WATCHDOG_USEC", value)
    assert child.interval() == seconds


def test_it_prints_its_stack_when_it_is_asked_to():
    lines = "import os, signal; from regrow import child; child.dump_on(); os.kill(os.getpid(), signal.SIGUSR1)"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, env=environment())
    assert done.returncode == 0
    assert 'File "<string>", line 1 in <module>' in done.stderr
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


def test_it_imports_the_standard_library_alone():
    lines = "import sys, json; import regrow.child; print(json.dumps([n for n in sys.modules if '.' not in n]))"
    done = subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {source()!r}); {lines}"],
                          capture_output=True, text=True)  # fmt: skip
    imported = {name for name in json.loads(done.stdout) if name not in sys.stdlib_module_names}
    assert imported <= {"regrow", "__main__", "_virtualenv", "distutils-precedence", "sitecustomize"} | site_names()


def test_it_can_be_copied(tmp_path):
    (tmp_path / "beat.py").write_bytes(Path(child.__file__).read_bytes())
    lines = f"import sys; sys.path[0:0] = [{str(tmp_path)!r}]; import beat; print(beat.ready())"
    done = subprocess.run([sys.executable, "-I", "-c", lines], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def source():
    return str(Path(regrow.__file__).parent.parent)


def environment():
    return {**os.environ, "PYTHONPATH": source()}


def site_names():
    """What this environment imports into every Python: files for its packages may do that."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True
    )
    return {name.partition(".")[0] for name in done.stdout.split()}
