"""The fixtures: what they start is ready, has places of its own, and is gone after the test."""

import importlib
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from regrow.testing._fixtures import ports

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "pytest.md"
SERVER = '[PYTHON, "-m", "http.server", "--bind", "127.0.0.1", "--directory", "{dir}", "{port}"]'


def test_a_command_is_ready_in_the_test_and_gone_after_it(run):
    result = run(f"""
pids = []
async def test_it_serves(start_supervised):
    server = await start_supervised({SERVER}, name="web", ready="port")
    (server.directory() / "hello").write_text("hello")
    stream = await trio.open_tcp_stream("127.0.0.1", server.port())
    await stream.send_all(b"GET /hello HTTP/1.0\\r\\n\\r\\n")
    answer = b""
    async for chunk in stream:
        answer += chunk
    assert answer.endswith(b"hello")
    await stream.aclose()
    pids.append(server.child.status().pid)

def test_it_is_gone():
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
""")
    result.assert_outcomes(passed=2)


def test_the_marker_says_what_tree_is(run):
    result = run("""
SPEC = SupervisorSpec(name="app", children=[ChildSpec(name="a", command=["sleep", "60"])])

@pytest.mark.supervised(SPEC)
async def test_restart(tree):
    tree["a"].signal("KILL")
    await tree.recorder.expect(match(ChildExited, path="a"), ChildReady("a", 2))

async def test_without(tree):
    pass
""")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*starts what @pytest.mark.supervised(...) says*"])


def test_placeholders_are_filled_in_everywhere_and_other_braces_left_alone(run):
    result = run("""
from regrow.readiness import AllOf, FileExists, TcpPort
SHOW = "import os, sys; print(sys.argv[1:], os.environ['DIR'], flush=True); open(sys.argv[3] + '/up', 'w'); input()"

async def test_them(start_supervised):
    words = ["{port}", '{"a": {}}', "{dir}", "{port:two}"]
    one = ChildSpec(name="one", stdin="pipe", command=[PYTHON, "-c", SHOW, *words],
                    env={"DIR": "{dir:two}"}, ready=AllOf(FileExists("{dir}/up")))
    two = ChildSpec(name="two", command=["sleep", "60"])
    inner = SupervisorSpec(name="in", children=[ChildSpec(name="deep", command=["sleep", "60"], env={"P": "{port}"})])
    tree = await start_supervised(SupervisorSpec(name="app", children=[one, two, inner]))
    await tree.recorder.eventually(ChildReady("one", 1))
    args = tree.spec.children[0].command[3:]
    assert args == (str(tree.port("one")), '{"a": {}}', str(tree.directory("one")), str(tree.port("two")))
    assert tree.spec.children[0].env["DIR"] == str(tree.directory("two"))
    assert tree.spec.children[2].children[0].env["P"] == str(tree.port("in/deep"))
    assert len({tree.port("one"), tree.port("two"), tree.port("in/deep")}) == 3

async def test_a_function_of_the_places(start_supervised):
    server = await start_supervised(lambda places: ChildSpec(name="web", ready=TcpPort(places.port("web")),
        command=[PYTHON, "-m", "http.server", "--bind", "127.0.0.1", "{port}"]))
    await (await trio.open_tcp_stream("127.0.0.1", server.port())).aclose()
""")
    result.assert_outcomes(passed=2)


def test_a_server_that_dies_by_itself_fails_the_test_at_once_unless_told_otherwise(run):
    result = run("""
async def test_dies(start_supervised):
    await start_supervised([PYTHON, "-c", "import sys; print('no licence', file=sys.stderr); exit(3)"], name="bad")
    await trio.sleep(50)

async def test_may(start_supervised):
    bad = await start_supervised([PYTHON, "-c", "exit(3)"], name="bad", may_give_up=True)
    await bad.recorder.expect(match(SupervisorGaveUp, culprit="bad"), within=30)

async def test_comes_back(start_supervised):
    server = await start_supervised("sleep 60", restart="permanent", name="s")
    server.child.signal("KILL")
    await server.recorder.expect(ChildReady("s", 1), ChildReady("s", 2))
""")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*the last straw was bad: crashed (exit code 3)*", "*no licence*"])


def test_a_start_that_fails_is_told_where_it_was_asked_for(run):
    result = run("""
async def test_it(start_supervised):
    with pytest.raises(ExceptionGroup, match="nothing-of-the-kind") as caught:
        await start_supervised(["nothing-of-the-kind"])
    assert isinstance(caught.value.exceptions[0], StartFailedError)
    with pytest.raises(TypeError, match="only for commands"):
        await start_supervised(ChildSpec(name="a", command=["a"]), restart="permanent")
""")
    result.assert_outcomes(passed=1)


def test_trees_are_stopped_last_first(run):
    result = run("""
stopped = []
def note(event):
    if isinstance(event, ChildStopping):
        stopped.append(event.path)

async def test_start(start_supervised):
    for name in "abc":
        await start_supervised("sleep 60", name=name, sinks=[note])

def test_order():
    assert stopped == ["c", "b", "a"]
""")
    result.assert_outcomes(passed=2)


def test_a_tree_can_be_stopped_before_and_runs_on_fakes_too(run):
    result = run("""
async def test_fake(start_supervised, autojump_clock):
    launcher = FakeLauncher()
    tree = await start_supervised("db", launcher=launcher, restart="permanent")
    launcher.newest("db").exit(1)
    await tree.recorder.expect(ChildReady("db", 2))
    await tree.stop()
    assert launcher.running == []
""")
    result.assert_outcomes(passed=1)


def test_a_failure_shows_status_events_and_output(run):
    result = run("""
@pytest.mark.supervised([PYTHON, "-c", "print('I am here', flush=True); input()"], name="talker", stdin="pipe",
                        ready=__import__("regrow.readiness").readiness.OutputLine("here"))
async def test_fails(tree):
    assert False
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*regrow: status of test*",
            "talker * ready, pid *",
            "*regrow: last events of test*",
            "*ChildStarted(path='talker', incarnation=1)",
            "*regrow: stdout of talker*",
            "I am here",
        ]
    )


def test_a_server_of_the_session_is_one_for_plain_asyncio_and_trio_tests(run):
    result = run(f"""
import asyncio
web = supervised_server({SERVER}, name="web", ready="port", restart="permanent")
pids = set()

def test_plain(web):
    with socket.create_connection(("127.0.0.1", web.port())):
        pids.add(web.status()["web"].pid)

def test_asyncio(web):
    async def main():
        _, writer = await asyncio.open_connection("127.0.0.1", web.port())
        writer.close()
        await writer.wait_closed()
    asyncio.run(main())
    pids.add(web.status()["web"].pid)

async def test_trio(web):
    await (await trio.open_tcp_stream("127.0.0.1", web.port())).aclose()
    pids.add(web.status()["web"].pid)

def test_it_was_one(web):
    assert len(pids) == 1
    web.signal("KILL")
    web.do(lambda tree: tree.recorder.expect(match(ChildReady, incarnation=2), within=30))
    web.restart()
    assert isinstance(web.events[-1], ChildReady)
    assert web.directory().is_dir()
""")
    result.assert_outcomes(passed=4)


def test_a_server_that_gave_up_fails_the_tests_that_use_it_with_its_story(run):
    result = run("""
bad = supervised_server("sleep 60", name="bad")

def test_kill(bad):
    bad.signal("KILL")
    bad._thread.join(30)

def test_next(bad):
    pass

def test_other():
    pass
""")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*TooManyRestartsError*crashed (SIGKILL)*", "*regrow: last events of test*"])


def test_the_blocking_form_ends_with_the_test(run):
    result = run("""
pids = []
def test_it(start_supervised_blocking):
    one = start_supervised_blocking("sleep 60", name="one")
    two = start_supervised_blocking("sleep 61", name="two")
    pids.extend([one.status()["one"].pid, two.status()["two"].pid])

def test_gone():
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

def test_bad_start(start_supervised_blocking):
    with pytest.raises(ExceptionGroup, match="nothing-of-the-kind"):
        start_supervised_blocking(["nothing-of-the-kind"])
""")
    result.assert_outcomes(passed=3)


def test_a_port_is_one_child_s_until_it_is_given_back(monkeypatch):
    assert sys.platform == "linux"
    number = ports.reserve()
    number.release()
    monkeypatch.setattr(ports, "LOWEST", number.number)
    monkeypatch.setattr(ports, "_highest", lambda: number.number)
    first = ports.reserve()
    with pytest.raises(OSError, match="no free port"):
        ports.reserve()
    first.release()
    with socket.create_server(("127.0.0.1", number.number)), pytest.raises(OSError, match="no free port"):
        ports.reserve()
    ports.reserve().release()


def test_the_two_lists_of_names_are_the_same():
    testing = importlib.import_module("regrow.testing")
    source = Path(str(testing.__file__)).read_text(encoding="utf-8")
    for_checkers = re.findall(r"^    from (\S+) import (\w+) as \w+$", source, re.MULTILINE)
    assert sorted(name for _, name in for_checkers) == sorted(testing.__all__)
    for home, name in for_checkers:
        assert getattr(testing, name) is getattr(importlib.import_module(home), name)
    assert set(testing.__all__) <= set(dir(testing))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = testing.nothing


def test_the_plugin_alone_imports_nothing_heavy():
    program = (
        "import sys, regrow.testing.plugin; print({'trio', 'psutil', 'hypothesis', 'structlog'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"


def test_the_tests_of_the_docs_pass(run):
    flags = re.MULTILINE | re.DOTALL
    blocks = re.findall(r"^```(?:python|{code-block} python\n:caption: \S+\n)\n(.*?)^```", PAGE.read_text(), flags)
    assert len(blocks) == 3
    result = run("\n".join(blocks).replace('"python"', "PYTHON"))
    result.assert_outcomes(passed=3)
