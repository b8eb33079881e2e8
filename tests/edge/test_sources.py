"""Where signs of life are seen: each source notices what it says that it does, and nothing else."""

from __future__ import annotations

import socket
import sys
import threading
import time
from itertools import pairwise

import pytest
import trio
from tests.edge.forms import only_guarded
from tests.edge.recorder import PATIENCE, SLEEPS, Life, python, sh, until

from regrow import HangPolicy
from regrow._edge.sources import callback
from regrow._specs.facts import Activity, NotLaunched, SourceFailed, Triggered
from regrow.activity import ActivityTracker, AllOf, AnyOf, Callback, CpuProgress, Heartbeat, IoProgress, Output, Probe
from regrow.readiness import Calls, TcpPort
from regrow.testing import children

assert sys.platform != "win32"

REGROW = f"sys.path.insert(0, {str(__import__('pathlib').Path(callback.__file__).parents[3])!r})"


def hang(source, **settings) -> HangPolicy:
    return HangPolicy(**{"warn_after": 60, "activity": source, **settings})


def failures(life: Life) -> list[SourceFailed]:
    return [fact for fact in life.facts if isinstance(fact, SourceFailed)]


async def newest(life: Life) -> Activity | None:
    return await life.controls.activity()


async def sign_of(life: Life) -> Activity:
    """Its newest sign of life, when there is one."""
    with trio.fail_after(PATIENCE):
        while (found := await newest(life)) is None:  # noqa: ASYNC110  nobody tells of it
            await trio.sleep(0.002)
        return found


# -- heartbeats --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("via", ["notify", "pipe"])
async def test_a_python_child_beats(via, lab):
    beats = python(
        REGROW, "from regrow import child", "child.alive()", "print(child.interval(), flush=True)", "sys.stdin.read()"
    )
    life = await lab.launch(beats, stdin="pipe", hang=hang(Heartbeat(via)))
    assert (await sign_of(life)).source == "heartbeat"
    await life.wait_printed(b"30.0\n")  # it is told to beat twice as often as it takes


@pytest.mark.parametrize("via", ["notify", "pipe"])
async def test_the_age_of_a_beat_is_told(via, lab):
    life = await lab.launch(children.beats(1, 0, via), hang=hang(Heartbeat(via)))
    first = await sign_of(life)
    await trio.sleep(0.1)
    assert first.age + 0.1 <= (await sign_of(life)).age < PATIENCE


async def test_three_lines_of_shell_beat(lab):
    loop = "while sleep 0.02; do echo >&$REGROW_HEARTBEAT_FD; done"
    life = await lab.launch(sh(loop), hang=hang(Heartbeat("pipe")))
    await sign_of(life)
    await trio.sleep(0.1)
    while (await sign_of(life)).age > 0.05:
        pass  # until it beats again; the test's own limit ends this


@pytest.mark.parametrize(("theirs", "beats"), [(4, 3), (3, 4)])
async def test_a_pipe_goes_beside_other_descriptors(theirs, beats, lab, tmp_path):
    script = f"echo given >&{theirs}; echo >&$REGROW_HEARTBEAT_FD; echo $REGROW_HEARTBEAT_FD; sleep 1000"
    with (tmp_path / "given").open("w") as file:  # noqa: ASYNC230  it takes no time
        life = await lab.launch(sh(script), fds={theirs: file}, hang=hang(Heartbeat("pipe")))
        await life.wait_printed(b"%d\n" % beats)
    assert (tmp_path / "given").read_text() == "given\n"
    assert await newest(life) is not None


async def test_one_that_closes_the_pipe_has_just_stopped_beating(lab):
    life = await lab.launch(sh("echo >&3; exec 3>&-; echo done; exec sleep 1000"), hang=hang(Heartbeat("pipe")))
    await life.wait_printed(b"done")
    assert (await sign_of(life)).age >= 0
    await until(lambda: not life.controls._request.pulse._is_watched)  # or it would be readable for ever


async def test_a_refused_start_keeps_no_pipe(lab):
    life = await lab.start(lab.life(), children.missing(), hang=hang(AnyOf(Heartbeat("pipe"), Heartbeat())))
    assert isinstance(life.answer, NotLaunched)


async def test_trigger_is_told_at_once(lab):
    trigger = python(
        "import socket",
        "name = os.environ['NOTIFY_SOCKET'].replace('@', chr(0))",
        "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'WATCHDOG=trigger', name)",
        "sys.stdin.read()",
    )
    life = await lab.launch(trigger, stdin="pipe", hang=hang(Heartbeat()))
    await life.wait_for(lambda: life.has(Triggered))


async def test_without_a_policy_there_is_no_activity(lab):
    life = await lab.launch(SLEEPS)
    assert await newest(life) is None
    life = await lab.launch(SLEEPS, hang=HangPolicy())
    assert await newest(life) is None


async def test_one_that_is_gone_has_no_activity(lab):
    life = await lab.launch(children.beats(1, 0, "pipe"), hang=hang(Heartbeat("pipe")))
    await sign_of(life)
    life.controls.signal("SIGKILL")
    await life.wait_exited()
    assert await newest(life) is None


# -- output ------------------------------------------------------------------------------------------------------------


async def test_what_it_prints_is_a_sign_of_life(lab):
    life = await lab.launch(sh("read x; echo hello; read x; echo oops >&2; read x"), stdin="pipe", hang=hang(Output()))
    assert await newest(life) is None
    await life.controls.write_stdin(b"\n")
    await life.wait_printed(b"hello")
    assert (await sign_of(life)).source == "output"


async def test_only_the_stream_that_was_named_counts(lab):
    life = await lab.launch(sh("echo oops >&2; read x; echo hello; read x"), stdin="pipe", hang=hang(Output("stdout")))
    await life.wait_for(lambda: life.stderr)
    assert await newest(life) is None
    await life.controls.write_stdin(b"\n")
    await life.wait_printed(b"hello")
    assert (await sign_of(life)).source == "stdout"


# -- progress ----------------------------------------------------------------------------------------------------------

ON_ORDER = "for _ in sys.stdin: "


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such counter")
@pytest.mark.parametrize(
    ("source", "work"),
    [
        (CpuProgress(), "[i * i for i in range(3_000_000)]"),
        (IoProgress(100), "open('/dev/null', 'w').write('x' * 1000)"),
    ],
    ids=str,
)
async def test_progress_is_seen_when_it_is_made(source, work, lab):
    life = await lab.launch(
        python("print('up', flush=True)", f"{ON_ORDER}{work}; print('done', flush=True)"),
        stdin="pipe",
        hang=hang(source),
    )
    await life.wait_printed(b"up")
    await newest(life)  # what it has done until now is where it begins
    at_rest = await newest(life)
    assert at_rest is None or at_rest == await same(life, at_rest)
    await life.controls.write_stdin(b"\n")
    await life.wait_printed(b"done")
    found = await newest(life)
    assert found is not None
    assert found.age < 1
    assert found.source == str(source)
    second = await newest(life)  # what it has done to say so may count
    assert second is not None
    await trio.sleep(0.05)
    assert (await newest(life)).age >= second.age + 0.05


async def same(life: Life, before: Activity) -> Activity | None:
    """What is known later, if it is of the same moment."""
    later = await newest(life)
    return before if later is not None and later.age >= before.age else later


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such counter")
async def test_the_progress_of_a_descendant_counts(lab):
    work = python("[i * i for i in range(3_000_000)]", "print('done', flush=True)", "signal.pause()")
    starts = f"import subprocess; print('up', flush=True); sys.stdin.readline(); subprocess.Popen({work!r}).wait()"
    life = await lab.launch(python(starts), stdin="pipe", hang=hang(CpuProgress()))
    await life.wait_printed(b"up")
    await newest(life)
    before = await newest(life)
    await life.controls.write_stdin(b"\n")
    await life.wait_printed(b"done")
    found = await newest(life)
    assert found is not None
    assert before is None or found.age < before.age


# -- callbacks ---------------------------------------------------------------------------------------------------------


def values(*given):
    """A callback that returns these, one after the other, the last one again and again."""
    left = list(given)

    def say():
        value = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(value, Exception):
            raise value
        return value() if callable(value) else value

    return say


async def asked(lab, function, times=2, **settings) -> tuple[list[Activity | None], Life]:
    life = await lab.launch(SLEEPS, hang=hang(Callback(function, **settings)))
    return [await newest(life) for _ in range(times)], life


@pytest.mark.parametrize("moved", [5, -3600, 0.001])
async def test_a_value_that_has_moved_is_activity_now_whatever_its_clock_says(moved, lab):
    start = time.time()
    (_, second), life = await asked(lab, values(start - 7200, start - 7200 + moved))
    assert second.age < 1
    assert not failures(life)


@pytest.mark.parametrize("clock", [time.time, time.monotonic])
async def test_a_value_that_stays_is_no_activity_and_its_age_counts_once(clock, lab):
    found, life = await asked(lab, values(clock() - 1000), times=3)
    assert all(later.age >= earlier.age for earlier, later in pairwise(found))
    assert found[0].age < PATIENCE  # nothing is older than the child
    assert not failures(life)


async def test_a_counter_is_a_value_like_any_other(lab):
    (_, second, third), life = await asked(lab, values(7, 8, 5_000_000_000_000), times=3)
    assert second.age < 1
    assert third.age < 1
    assert not failures(life)


async def test_a_boolean_says_whether_it_is_active_now(lab):
    found, _ = await asked(lab, values(False, True, False), times=3)
    assert found[0] is None
    assert found[1].age < 1
    assert found[2].age >= found[1].age


async def test_an_async_one_may_take_its_time(lab):
    async def active():
        await trio.sleep(0.01)
        return True

    (found, _), _ = await asked(lab, active)
    assert found.age < 1


async def test_a_plain_one_may_return_an_awaitable(lab):
    async def active():
        return True

    (found, _), _ = await asked(lab, lambda: active())  # noqa: PLW0108  it is not async itself
    assert found.age < 1


async def test_a_tracker_is_a_callback(lab):
    tracker = ActivityTracker()
    life = await lab.launch(SLEEPS, hang=hang(Callback(tracker)))
    await newest(life)
    tracker.update_request()
    assert tracker.requests == 1
    assert (await newest(life)).age < 1
    assert tracker.get_last_activity() == tracker()


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        (ValueError("no idea"), "raised ValueError('no idea')"),
        ("now", "returned 'now', which is no number"),
        (None, "returned None, which is no number"),
        (-1.0, "returned -1.0, which is no moment"),
        (float("nan"), "returned nan, which is no moment"),
        (lambda: time.time() + 3600, "returned a moment in 3.6e+03 s"),
    ],
    ids=["error", "word", "nothing", "before 1970", "nan", "to come"],
)
async def test_one_that_raises_or_lies_is_reported_and_says_nothing(lie, why, lab):
    (first, second), life = await asked(lab, values(lie))
    assert first is None
    assert second is None
    assert failures(life)[0] == SourceFailed(failures(life)[0].source, why)


async def test_one_that_begins_to_lie_is_reported(lab):
    found, life = await asked(lab, values(time.time, lambda: time.time() + 3600))
    assert found[1].age >= found[0].age
    assert "returned a moment in" in failures(life)[0].why


async def test_one_that_never_returns_delays_nobody_and_takes_one_thread(lab):
    release = threading.Event()
    calls = []

    def stuck():
        calls.append(None)
        release.wait(PATIENCE)
        return True

    try:
        with trio.fail_after(PATIENCE / 2):
            (first, second), life = await asked(lab, stuck, timeout=0.05)
            assert (first, second) == (None, None)
            assert failures(life)[0].why == "did not return within 0.05 s"
            assert "has not returned for" in failures(life)[1].why
            again = await lab.launch(SLEEPS, hang=life_policy(stuck))
            assert await newest(again) is None  # not a thread more for the next incarnation
        assert len(calls) == 1
    finally:
        release.set()
    await until(lambda: not callback._out)
    assert (await newest(again)).age < 1


def life_policy(function) -> HangPolicy:
    return hang(Callback(function, timeout=0.05))


async def test_an_async_one_that_never_returns_is_given_up(lab):
    (first, _), life = await asked(lab, trio.sleep_forever, timeout=0.02)
    assert first is None
    assert failures(life)[0].why == "did not return within 0.02 s"


# -- probes ------------------------------------------------------------------------------------------------------------


async def test_a_probe_that_succeeds_is_a_sign_of_life(lab):
    answers = [True]
    life = await lab.launch(SLEEPS, hang=hang(Probe(Calls(lambda: answers[0]), timeout=0.1)))
    first = await newest(life)
    assert first.age < 1
    answers[0] = False
    later = await newest(life)
    assert later.age > first.age
    assert not failures(life)


async def test_a_server_that_is_stopped_does_not_answer(lab):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    source = Probe(TcpPort(port), timeout=5)
    life = await lab.launch(children.listens(port), hang=hang(source))
    await life.wait_printed(b"listening")
    assert (await sign_of(life)).source == f"probe {source.probe}"


class Broken:
    async def wait_ready(self, target):
        raise RuntimeError("no idea")


async def test_a_probe_that_raises_is_reported(lab):
    life = await lab.launch(SLEEPS, hang=hang(Probe(Broken())))
    assert await newest(life) is None
    assert failures(life)[0].why == "no idea"


# -- combinations ------------------------------------------------------------------------------------------------------


async def test_the_newest_of_any_and_the_oldest_of_all(lab):
    told = {"a": 0, "b": 0}
    a, b = Callback(lambda: told["a"]), Callback(lambda: told["b"])
    any_of = await lab.launch(SLEEPS, hang=hang(AnyOf(a, b)))
    all_of = await lab.launch(SLEEPS, hang=hang(AllOf(a, b)))
    silent = await lab.launch(SLEEPS, hang=hang(AllOf(a, Output())))
    for life in (any_of, all_of, silent):
        await newest(life)
    await trio.sleep(0.1)
    told["a"] = 1
    assert (await newest(any_of)).age < 0.09
    assert (await newest(all_of)).age >= 0.1
    assert await newest(silent) is None
    told["b"] = 1
    assert (await newest(all_of)).age < 0.09


@only_guarded
async def test_beats_that_wait_to_be_read_count(lab):
    life = await lab.launch(children.beats(0.01), hang=hang(Heartbeat()))
    await sign_of(life)
    time.sleep(0.3)  # noqa: ASYNC251  we are busy, and read nothing
    assert (await newest(life)).age < 0.1
