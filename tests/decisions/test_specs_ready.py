"""What a child can wait for, as values: what is refused, how it reads, and whether it can travel."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from regrow._specs.asking import HttpOk, Succeeds
from regrow._specs.check import leniently, problems
from regrow._specs.child import ChildSpec
from regrow._specs.combined import AllOf, AnyOf, leaves
from regrow._specs.facts import Stream
from regrow._specs.readiness import Calls, Completes, FileExists, Notified, OutputLine, TcpPort, UnixSocket
from regrow.exceptions import InvalidSpecError

CHILD: dict[str, Any] = {"name": "a", "command": ["program"]}
URL = "http://127.0.0.1:8000/"
REQUIRED: dict[type, dict[str, Any]] = {
    UnixSocket: {"path": "socket"},
    FileExists: {"path": "file"},
    OutputLine: {"pattern": "ready"},
    HttpOk: {"url": URL},
    Succeeds: {"command": ["true"]},
}
NO_SECONDS = [0, -1, float("inf"), float("nan"), "1", None, True]
BAD = [
    *((kind, "path", bad) for kind in (UnixSocket, FileExists) for bad in ["", 3, None, "a\0b"]),
    *((FileExists, "fresh", bad) for bad in [0, "no", None]),
    *((OutputLine, "pattern", bad) for bad in ["(", 3, None, b"x"]),
    *((OutputLine, "stream", bad) for bad in ["stdin", 3, ""]),
    *((HttpOk, "url", bad) for bad in ["", "127.0.0.1:80", "ftp://x", "http://", "http://x:0", "http://x:99999"]),
    *(
        (HttpOk, "url", bad)
        for bad in ["http://[::x]/", "http://u:p@x/", "http://x/ y", "http://x/\r\nX: y", "http://ü", 3]
    ),
    *((HttpOk, "status", bad) for bad in [[], 99, 600, "200", ["200"], [True], 100, 2.0, object()]),
    *((HttpOk, "body", bad) for bad in ["(", 3]),
    *((HttpOk, "verify", bad) for bad in [0, None]),
    *((kind, field, bad) for kind in (HttpOk, Succeeds) for field in ("interval", "timeout") for bad in NO_SECONDS),
    *((Succeeds, "command", bad) for bad in ["true", [], [""], [3], None]),
]


class Own:
    """A probe of somebody's."""

    async def wait_ready(self, target: object) -> None:
        raise NotImplementedError

    def __str__(self) -> str:
        return "the stars"


@pytest.mark.parametrize(("kind", "field", "bad"), BAD, ids=lambda v: getattr(v, "__name__", None) or repr(v)[:20])
def test_a_bad_value_is_refused_and_the_message_names_the_field(kind, field, bad):
    with pytest.raises(InvalidSpecError) as caught:
        kind(**{**REQUIRED[kind], field: bad})
    assert [problem.place.rpartition(".")[2] for problem in caught.value.problems] == [field]


def test_every_field_has_a_bad_value_here():
    assert {(kind, field.name) for kind in REQUIRED for field in attrs.fields(kind)} == {bad[:2] for bad in BAD}


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(InvalidSpecError) as caught:
        HttpOk("ftp://x", status=99, body="(", interval=-1)
    assert [problem.place for problem in caught.value.problems] == [
        "http_ok.url", "http_ok.status", "http_ok.body", "http_ok.interval",
    ]  # fmt: skip


def test_what_is_wrong_in_a_part_has_its_place():
    with leniently():
        spec = ChildSpec(**CHILD, ready=AllOf(TcpPort(80), AnyOf(TcpPort(0), FileExists(""))))
    assert [problem.place for problem in problems(spec)] == [
        "a.ready.probes[1].probes[0].port",
        "a.ready.probes[1].probes[1].path",
    ]


@pytest.mark.parametrize("kind", [AllOf, AnyOf])
def test_only_probes_that_can_go_together_do(kind):
    with pytest.raises(InvalidSpecError, match="must hold a probe"):
        kind()
    with pytest.raises(InvalidSpecError, match=r"number 2 must be a probe.*; number 3 is Completes\(\), which"):
        kind(TcpPort(80), 3, Completes())
    with pytest.raises(InvalidSpecError, match="number 1 must be a probe"):
        kind(Own)


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (TcpPort(80), "TCP port 127.0.0.1:80"),
        (UnixSocket("a"), "unix socket a"),
        (FileExists("a"), "file a"),
        (OutputLine("ok"), "line 'ok' on its output"),
        (OutputLine("ok", stream="stderr"), "line 'ok' on stderr"),
        (Notified(), "READY=1"),
        (HttpOk(URL), f"OK from {URL}"),
        (HttpOk(URL, status=[302, 301]), f"301 or 302 from {URL}"),
        (HttpOk(URL, body="fine"), f"OK from {URL} with 'fine'"),
        (Succeeds(["test", "-e", "x"]), "success of test -e x"),
        (Calls(bool), "call of bool"),
        (Completes(), "completion"),
        (AllOf(Notified()), "READY=1"),
        (AllOf(Notified(), AnyOf(FileExists("a"), Own())), "READY=1 and (file a or the stars)"),
    ],
)
def test_a_probe_reads_as_a_fact(probe, words):
    assert str(probe) == words
    assert ChildSpec(**CHILD, ready=probe).ready == probe


def test_several_are_values_too():
    probe = AllOf(TcpPort(80), AnyOf(FileExists("a"), Notified()))
    assert probe == AllOf(TcpPort(80), AnyOf(FileExists("a"), Notified()))
    assert hash(probe) == hash(AllOf(TcpPort(80), AnyOf(FileExists("a"), Notified())))
    assert probe != AllOf(TcpPort(80))
    assert AllOf(Notified()) != AnyOf(Notified())
    assert repr(AnyOf(Notified(), FileExists("a"))) == "AnyOf(Notified(), FileExists(path='a', fresh=True))"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(probe, attrs.fields(AllOf)[0].name, ())
    assert list(leaves(probe)) == [TcpPort(80), FileExists("a"), Notified()]
    assert list(leaves(None)) == []


def test_a_function_makes_a_spec_local_wherever_it_is():
    plain = [
        TcpPort(80),
        UnixSocket("a"),
        HttpOk(URL),
        FileExists("a"),
        OutputLine("a"),
        Notified(),
        Succeeds(["true"]),
    ]
    assert not ChildSpec(**CHILD, ready=AllOf(*plain)).is_local_only
    assert not ChildSpec(**CHILD, ready=Completes()).is_local_only
    for own in (Calls(bool), Own()):
        assert ChildSpec(**CHILD, ready=own).is_local_only
        assert ChildSpec(**CHILD, ready=AllOf(*plain, AnyOf(TcpPort(80), own))).is_local_only


def test_words_are_as_good_as_members():
    assert OutputLine("x", stream="stdout").stream is Stream.STDOUT
    assert HttpOk(URL, status=204).status == {204}
    assert HttpOk(URL).parts.hostname == "127.0.0.1"
    assert FileExists(attrs.evolve(FileExists("x")).path).path == "x"


def test_what_cannot_be_together_with_other_fields_is_refused():
    with pytest.raises(InvalidSpecError, match=r"a\.env: NOTIFY_SOCKET is set by the launcher"):
        ChildSpec(**CHILD, ready=AllOf(Notified()), env={"NOTIFY_SOCKET": "x"})
    with pytest.raises(InvalidSpecError, match=r"a\.ready: waits for a line on stderr, and on a terminal"):
        ChildSpec(**CHILD, ready=OutputLine("x", stream="stderr"), terminal=True)
    ChildSpec(**CHILD, ready=OutputLine("x"), terminal=True)
    ChildSpec(**CHILD, ready=TcpPort(80), env={"NOTIFY_SOCKET": "x"})
