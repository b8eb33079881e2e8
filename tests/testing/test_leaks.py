"""A test that leaves something behind fails, by name and origin; and one that does not, does not."""

import os
import re
from contextlib import suppress

DAEMON = """
DAEMON = '''
import os, sys, time
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.closerange(0, 3)
open(sys.argv[1], "w").write(str(os.getpid()))
os.rename(sys.argv[1], sys.argv[2])
time.sleep(600)
'''
def daemonise(folder):
    subprocess.run([PYTHON, "-c", DAEMON, folder / "a", folder / "b"], env={}, check=True)
    while not (folder / "b").exists():
        pass
"""


def is_alive(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def text(result):
    return str(result.stdout)


def test_a_daemon_of_two_forks_and_an_empty_environment_is_named_and_gone(run, pytester):
    result = run(
        DAEMON
        + """
async def test_it(start_supervised, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    daemonise(folder)
""",
        "--basetemp=base",
    )
    result.assert_outcomes(passed=1, errors=1)
    pid = int((pytester.path / "base" / "b").read_text())
    named = rf"process {pid}: \S*python\S* -c .*\(started \d\.\d\d s after the test began"
    assert re.search(named, text(result), re.DOTALL)
    assert "in another session" in text(result)
    assert not is_alive(pid)


def test_a_daemon_of_a_supervised_child_is_named_with_its_place(run):
    result = run("""
FORKS = "import subprocess as s; s.Popen(['sleep', '600'], start_new_session=True); print('up', flush=True); input()"
async def test_it(start_supervised):
    from regrow.readiness import OutputLine
    from regrow._edge.tuning import Tuning
    spec = ChildSpec(name="web", command=[PYTHON, "-c", FORKS], stdin="pipe", strays="keep",
                     ready=OutputLine("up"))
    await start_supervised(spec, launcher=LocalLauncher(tuning=Tuning(guardian="none")))
""")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*process *: sleep 600 (started *of the child web of a tree*"])


def test_descriptors_and_threads_are_named(run):
    result = run("""
kept = []
async def test_files(start_supervised):
    kept.append(open("left-open", "w"))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    kept.append(listener)
    kept.append(os.dup(1))

stop = threading.Event()
def waits_for_ever():
    stop.wait()

async def test_thread(start_supervised):
    threading.Thread(target=waits_for_ever, name="poller", daemon=True).start()

async def test_the_next_one_is_not_blamed(start_supervised):
    pass
""")
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(
        [
            "*file descriptor *left-open, held by <_io.FileIO *",
            "*file descriptor *socket:* at ('127.0.0.1', *), held by <socket.socket *",
            "*file descriptor *, held by no object of Python",
            "*thread 'poller': runs waits_for_ever, at *test_it.py:* in waits_for_ever",
        ]
    )


def test_a_trio_task_outside_of_all_nurseries_is_named(run):
    result = run("""
async def lurk():
    await trio.sleep_forever()

async def test_it(start_supervised):
    trio.lowlevel.spawn_system_task(lurk)

async def test_not(start_supervised, nursery):
    nursery.start_soon(lurk)
    with trio.CancelScope() as scope:
        scope.cancel()
        trio.lowlevel.spawn_system_task(trio.sleep, 0)
    await trio.testing.wait_all_tasks_blocked()
""")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*trio task test_it.lurk, at *test_it.py:*"])


def test_who_does_not_use_our_fixtures_is_not_judged_unless_asked_for(run):
    body = """
kept = []
def test_it():
    kept.append(subprocess.Popen(["sleep", "600"]))
    kept[0].kill()
    kept[0].wait()
    kept.append(open("left-open", "w"))
"""
    run(body).assert_outcomes(passed=1)
    result = run(body, "--regrow-leaks=fail")
    result.assert_outcomes(passed=1, errors=1)
    assert "process" not in "".join(line for line in result.outlines if "sleep 600" in line)


def test_a_warning_is_one_if_wanted_and_the_process_is_gone_all_the_same(run):
    body = """
pids = []
async def test_it(start_supervised):
    pids.append(subprocess.Popen(["sleep", "600"]).pid)

@pytest.mark.regrow_leaks("off")
async def test_gone(start_supervised):
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    pids.append(open("left-open", "w"))
"""
    result = run(body, "--regrow-leaks=warn", "-W", "default")
    assert result.parseoutcomes()["passed"] == 2
    assert "errors" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(["*LeakWarning*left behind*", "*process *: sleep 600*"])


def test_off_looks_at_nothing(run):
    body = """
kept = []
async def test_it(start_supervised):
    kept.append(open("left-open", "w"))
"""
    run(body, "--regrow-leaks=off").assert_outcomes(passed=1)


def test_what_a_wider_fixture_opens_is_its_own(run):
    result = run("""
web = supervised_server("sleep 60", name="web", restart="permanent")

@pytest.fixture(scope="module")
def opened():
    with open("module-wide", "w") as file:
        process = subprocess.Popen(["sleep", "60"])
        yield file
        process.kill()
        process.wait()

def test_first(web, opened, start_supervised_blocking):
    web.signal("KILL")
    web.do(lambda tree: tree.recorder.expect(match(ChildReady, incarnation=2), within=30))

def test_second(web, opened):
    web.restart()
""")
    result.assert_outcomes(passed=2)


def test_who_is_older_than_the_test_is_not_its_leak_when_its_parent_dies(run):
    result = run("""
def family():
    parent = subprocess.Popen(["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE)
    pid = int(parent.stdout.readline())
    yield parent
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

older = pytest.fixture(scope="module", name="older")(family)
same = pytest.fixture(scope="module", name="same")(family)

def end(parent):
    parent.kill()
    parent.wait()
    parent.stdout.close()

def test_first(older, start_supervised_blocking):
    start_supervised_blocking("sleep 60")

def test_older(older, start_supervised_blocking):
    end(older)

def test_as_old(same, start_supervised_blocking):
    end(same)
""")
    result.assert_outcomes(passed=3)


def test_what_ends_by_itself_in_time_is_no_leak_and_leaves_no_zombie(run):
    result = run("""
async def test_it(start_supervised):
    subprocess.Popen(["sleep", "0.2"]).returncode = 0

def test_no_zombie():
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
""")
    result.assert_outcomes(passed=2)


def test_a_test_that_fails_and_leaks_tells_both(run):
    result = run("""
async def test_it(start_supervised):
    subprocess.Popen(["sleep", "600"])
    assert False, "the reason"
""")
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(["*process *: sleep 600*", "*the reason*"])
