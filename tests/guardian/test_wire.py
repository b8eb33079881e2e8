"""Requests to bytes, and bytes to records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow._edge.guardian import records, wire
from regrow._edge.guardian.records import Failed, Hello, Lost

TEXT = st.binary(max_size=20).filter(lambda text: b"\0" not in text)


def wanted(**options) -> wire.Start:
    return wire.Start(**{"id": 7, "candidates": [b"/bin/x"], "arguments": [b"x"], "environment": [], **options})


@given(st.lists(TEXT, min_size=1), st.lists(TEXT), TEXT)
def test_strings_travel_as_they_are(arguments, environment, directory):
    message = wire.start(wanted(arguments=arguments, environment=environment, directory=directory)).message
    assert message[64:].split(b"\0") == [directory, b"/bin/x", *arguments, *environment, b""]
    assert int.from_bytes(message[4:8], "little") == len(message)


def test_variables_may_come_joined():
    one_each = wire.start(wanted(environment=[b"A=1", b"B=2", b"C=3"], listen_pid=True))
    assert wire.start(wanted(environment=[b"A=1\0B=2", b"C=3"], variables=3, listen_pid=True)) == one_each
    with pytest.raises(ValueError, match="null byte"):
        wire.start(wanted(environment=[b"A=1\0B=2"], variables=1))


def test_many_strings_travel_in_memory():
    request = wire.start(wanted(environment=[b"A=" + b"x" * wire.INLINE_LIMIT]))
    assert len(request.message) == 64
    assert request.memory is not None
    assert request.memory.endswith(b"x\0")


def words(data: bytes, width: int) -> list[int]:
    return [int.from_bytes(data[at : at + width], "little") for at in range(0, len(data), width)]


def test_settings_come_before_the_strings():
    settings = {
        "rlimits": [(7, 10, 2**64 - 1)],
        "affinity": [0, 65],
        "user": 5,
        "group": 6,
        "groups": [8],
        "io_priority": 9,
    }
    message = wire.start(wanted(**settings)).message
    assert words(message[16:20], 4) == [len(message) - len(b"\0/bin/x\0x\0")] == [64 + 24 + 24 + 16 + 8]
    assert words(message[64:88], 4) == [5, 6, 9, 1, 2, 1]
    assert words(message[88:136], 8) == [7, 10, 2**64 - 1, 1, 2, 8]
    assert message[136:].split(b"\0") == [b"", b"/bin/x", b"x", b""]


@pytest.mark.parametrize(
    ("option", "bit"),
    [
        ({"no_new_privs": True}, 1),
        ({"listen_pid": True}, 4),
        ({"umask": 0}, 8),
        ({"nice": 0}, 16),
        ({"user": 0}, 32),
        ({"group": 0}, 64),
        ({"groups": []}, 128),
        ({"io_priority": 0}, 256),
        ({"terminal": True}, 512),
        ({"namespace": True}, 1024),
        ({"cgroup": True}, 2048),
    ],
)
def test_a_zero_is_not_nothing(option, bit):
    assert words(wire.start(wanted(**option)).message[20:24], 4) == [bit]
    assert words(wire.start(wanted()).message[20:24], 4) == [0]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"arguments": []}, "needs a program"),
        ({"candidates": []}, "needs a program"),
        ({"arguments": [b"a\0b"]}, "null byte"),
        ({"descriptors": 251}, "at most 250"),
        ({"id": 0}, "must be > 0"),
        ({"groups": range(10_000)}, "too many groups"),
    ],
)
def test_what_cannot_be_sent_is_refused(wrong, why):
    with pytest.raises(ValueError, match=why):
        wire.start(wanted(**wrong))


def record(kind: int, version: int = wire.VERSION, **fields: int) -> bytes:
    names = ("flags", "id", "pid", "shim", "status", "stage", "count")
    widths = (4, 8, 4, 4, 4, 4, 4)
    values = [fields.get(name, 0).to_bytes(width, "little") for name, width in zip(names, widths, strict=True)]
    head = version.to_bytes(2, "little") + kind.to_bytes(2, "little")
    return (head + b"".join(values)).ljust(records.SIZE, b"\0")


def test_records_are_values():
    data = record(1, pid=5, flags=3) + record(3, id=9, status=2, stage=7, count=1) + record(8, id=10)
    assert list(records.decode(data)) == [
        Hello(pid=5, has_children_file=True, has_pidfd=True),
        Failed(id=9, stage=wire.Stage.EXEC, errno=2, candidate=1),
        Lost(id=10),
    ]


@pytest.mark.parametrize(
    ("data", "why"),
    [(record(1, version=9), "version 9"), (record(99), "unknown kind 99"), (record(3, stage=99), "99 is not a valid")],
)
def test_what_is_no_record_is_refused(data, why):
    with pytest.raises(ValueError, match=why):
        list(records.decode(data))
