"""Whole supervisors, in programs of their own: who gets a group, what others cannot do, and what a death leaves."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress

import psutil
import pytest
from tests.edge.cgroups.ground import NOBODY, PATIENCE, enter, members
from tests.edge.recorder import is_alive
from tests.guardian.compiling import ensure_compiled

SUPERVISOR = f"""
import os, signal, sys, threading
import trio
from regrow._edge.local import LocalLauncher
from regrow._edge.tuning import Tuning
from regrow._specs.child import ChildSpec
from regrow._specs.protocol import Key
from regrow._specs.stop import Stop

def drop(user={NOBODY}):
    "".encode("ascii")  # what is imported later may be out of reach of others than root
    os.setgroups([]); os.setresgid(user, user, user); os.setresuid(user, user, user)

class Lives:
    def __init__(self, opened):
        self.opened, self.count = opened, 0

    async def launch(self, command="sleep 1000", **settings):
        self.count += 1
        facts = []
        spec = ChildSpec(name="w", command=["/bin/sh", "-c", command], **settings)
        process = await self.opened.launch(Key("t", f"a/{{self.count}}", 1), spec, facts.append)
        return process, facts

def main(do, **tuning):
    async def run():
        async with LocalLauncher(tuning=Tuning(**tuning)).open() as opened:
            await do(Lives(opened))
    trio.run(run)
"""
"""Lines that a program of a test begins with."""

LAYERS = """
async def do(lives):
    for settings in {settings}:
        _, facts = await lives.launch(**settings)
        print(facts[0].containment)
"""


@pytest.fixture(params=["compiled", "python"])
def guardian(request) -> str:
    if request.param == "compiled" and ensure_compiled() is None:
        pytest.skip("THE COMPILED GUARDIAN IS NOT TESTED: there is none here")
    return request.param


def layers(ground, *settings, before=""):
    """The layers that children with these settings get."""
    lines = [SUPERVISOR, before, LAYERS.format(settings=list(settings)), "main(do)"]
    return ground.run(*lines).splitlines()


# -- who gets a group --------------------------------------------------------------------------------------------------


def test_behind_a_guardian_that_may_end_everybody_few_get_one(ground, as_root):
    found = layers(ground, {}, {"containment": "proven"}, {"user": NOBODY}, {"nice": 1})
    assert found == ["guardian", "guardian+cgroup", "guardian+cgroup", "guardian"]
    assert ground.inside() == []


def test_who_may_not_end_everybody_gives_all_of_them_one(ground, as_root):
    ground.give_to(NOBODY)
    found = layers(ground, {}, {"no_new_privs": True}, {"no_new_privs": True, "containment": "proven"}, before="drop()")
    assert found == ["guardian+cgroup", "guardian", "guardian+cgroup"]
    assert ground.inside() == []


def test_where_no_group_can_be_made_there_is_none(ground, as_root):
    assert layers(ground, {}, {"containment": "proven"}, before="drop()") == ["guardian", "guardian"]


@pytest.fixture
def become(as_root):
    """A program that becomes whomever it is told to, whoever runs it."""
    with tempfile.TemporaryDirectory(prefix="regrow-test") as directory:
        os.chmod(directory, 0o755)
        become = shutil.copy(shutil.which("setpriv") or pytest.skip("there is no setpriv"), directory)
        os.chmod(become, 0o4755)
        if subprocess.run([become, "--reuid", "0", "true"], user=NOBODY, group=NOBODY, extra_groups=[]).returncode:
            pytest.skip("nobody can become root here")
        yield become


def may_be_executed_by_others(program):
    with suppress(OSError):
        command = [program, "-I", "-S", "-c", ""]
        return subprocess.run(command, user=NOBODY, group=NOBODY, extra_groups=[]).returncode == 0
    return False


def test_one_that_has_become_root_is_ended_all_the_same(ground, become, guardian):
    if guardian == "python" and not may_be_executed_by_others(sys.executable):
        pytest.skip("this Python is root's alone")
    ground.give_to(NOBODY)
    lines = (
        "async def do(lives):",
        f"    script = '({become} --reuid 0 setsid sleep 1000 &) ; exec sleep 1000'",
        "    process, facts = await lives.launch(script)",
        "    (line,) = (line for line in open(f'/proc/{facts[0].pid}/cgroup') if line.startswith('0::'))",
        f"    members = '{ground.path}/' + '/'.join(line.strip().split('/')[-2:]) + '/cgroup.procs'",
        "    def roots(): return [p for p in open(members).read().split() if os.stat('/proc/' + p).st_uid == 0]",
        "    with trio.fail_after(20):",
        "        while not roots(): await trio.sleep(0.001)",
        "    (root,) = map(int, roots())",
        "    try:",  # it is root as soon as it is executed, and somebody else's to signal a moment later
        "        with trio.fail_after(20):",
        "            while True: os.kill(root, 0); await trio.sleep(0.001)",
        "    except PermissionError: print('not ours to signal')",
        "    await process.stop(Stop(grace=5))",
        "    print(type(facts[-1]).__name__, os.path.exists(f'/proc/{root}'))",
    )  # fmt: skip
    said = ground.run(SUPERVISOR, "drop()", *lines, f"main(do, guardian={guardian!r})")
    assert said.splitlines() == ["not ours to signal", "Exited False"]


# -- never on the event loop -------------------------------------------------------------------------------------------


def test_whatever_may_wait_for_the_machine_is_done_in_threads(ground):
    lines = (
        "on_loop = []",
        "def hook(event, arguments):",
        "    if event in {'os.mkdir', 'os.rmdir'} and threading.current_thread() is threading.main_thread():",
        "        on_loop.append(event)",
        "sys.addaudithook(hook)",
        "async def do(lives):",
        "    for _ in range(20):",
        "        async with trio.open_nursery() as nursery:",
        "            async def one():",
        "                process, _ = await lives.launch()",
        "                await process.stop(Stop(grace=5))",
        "            for _ in range(5): nursery.start_soon(one)",
        "main(do, cgroup='always')",
        "print(on_loop)",
    )
    assert ground.run(SUPERVISOR, *lines) == "[]"


# -- its death ---------------------------------------------------------------------------------------------------------

FAMILY = (
    "async def do(lives):",
    "    process, facts = await lives.launch('setsid sleep 1000 & exec sleep 1000')",
    "    print(facts[0].containment, flush=True)",
    "    await trio.sleep_forever()",
)


@contextmanager
def supervisor(ground, guardian):
    """One that runs in *ground*, with a child and its descendant in a group of their own."""
    code = "\n".join([SUPERVISOR, *FAMILY, f"main(do, cgroup='always', guardian={guardian!r})"])
    command = [*enter(ground.path), sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline().strip() == "guardian+cgroup"
            yield process
        finally:
            process.kill()


def within(ground):
    """Everybody in a group below *ground*."""
    return [pid for path in ground.path.glob("regrow-*/*/") for pid in members(path)]


def wait_until(holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def kill_all_of(ground):
    """The supervisor and all of its guardians, at once."""
    everybody = members(ground.path)
    depth = {pid: len(psutil.Process(pid).parents()) for pid in everybody}
    for pid in everybody:
        os.kill(pid, signal.SIGSTOP)  # so that none of them notices the death of another
    for pid in sorted(everybody, key=depth.__getitem__, reverse=True):  # the death of a parent would wake its child
        os.kill(pid, signal.SIGKILL)


def test_when_all_who_could_end_it_are_dead_the_next_start_ends_it(ground, guardian):
    with supervisor(ground, guardian):
        wait_until(lambda: len(within(ground)) == 2)
        kill_all_of(ground)
    left = within(ground)
    assert left, "somebody survives, or this test tests nothing"
    (branch,) = ground.inside()
    assert layers(ground, {"containment": "proven"}) == ["guardian+cgroup"]
    assert not any(map(is_alive, left))
    assert branch not in ground.inside()


def test_while_it_lives_nobody_ends_what_it_runs(ground, guardian):
    with supervisor(ground, guardian) as process:
        wait_until(lambda: len(within(ground)) == 2)
        running = within(ground)
        process.send_signal(signal.SIGSTOP)
        layers(ground, {"containment": "proven"})
        assert within(ground) == running
        process.send_signal(signal.SIGCONT)
    wait_until(lambda: not any(map(is_alive, running)))


def test_what_its_guardians_have_ended_is_only_removed(ground, guardian):
    with supervisor(ground, guardian) as process:
        process.kill()
    wait_until(lambda: not within(ground))
    assert ground.inside() != []
    layers(ground, {})
    assert ground.inside() == []


def test_in_order_it_leaves_nothing(ground, guardian):
    with supervisor(ground, guardian) as process:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
    assert ground.inside() == []


# -- what is said of it beforehand -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tuning", "before", "expected"),
    [
        ("", "", "guardian"),
        ("cgroup='always'", "", "guardian+cgroup"),
        ("cgroup='none'", "drop()", "guardian"),
        ("", "drop()", "guardian+cgroup"),
        ("cgroup='always', guardian='none'", "", "group"),
    ],
)
def test_a_launcher_says_what_it_is_going_to_use(ground, as_root, tuning, before, expected):
    ground.give_to(NOBODY)
    say = f"print(LocalLauncher(tuning=Tuning({tuning})).containment)"
    assert ground.run(SUPERVISOR, before, say) == expected
