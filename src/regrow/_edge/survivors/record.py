"""What is written down: who owns a state directory, and what runs. One line each, which is whole or is nothing.

A line is a checksum, a space and a JSON object. Whoever dies while it writes leaves half a line at the end; whatever
else is not a line of ours is damage, and takes nothing with it: each line says all that is needed to act on it.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import json
import zlib
from typing import Any

import attrs

from regrow._edge.survivors.identity import Place

FORMAT = 1


class OtherFormatError(ValueError):
    """It was written by a regrow of another time."""


@attrs.frozen(kw_only=True)
class Owner:
    """The supervisor whose children these are."""

    place: Place
    pid: int
    start: int
    since: str
    """When it began, for people."""

    token: str = ""
    """What its children, and all that descends from them, find in their environment."""

    groups: str = ""
    """Where it was among the control groups."""


@attrs.frozen(kw_only=True)
class Leaf:
    """A control group of one child."""

    path: str
    inode: int
    """The kernel gives the number once: a later group of the same name has another."""


@attrs.frozen(kw_only=True)
class Entry:
    """One main process that runs."""

    place: Place
    path: str
    incarnation: int
    pid: int
    start: int
    group: int
    command: str
    containment: str
    leaf: Leaf | None = None


@attrs.define
class Contents:
    """What a file says."""

    owner: Owner | None = None
    entries: dict[int, Entry] = attrs.field(factory=dict[int, Entry])
    """Those that are not gone."""

    is_damaged: bool = False
    """Whether there is something in it that is not ours."""


def line_of_owner(owner: Owner) -> bytes:
    """The first line of a file."""
    return _line({"format": FORMAT, "owner": attrs.asdict(owner)})


def line_of_start(number: int, entry: Entry) -> bytes:
    """The line that says what runs, under a number of its own."""
    return _line({"number": number, "runs": attrs.asdict(entry)})


def line_of_end(number: int) -> bytes:
    """The line that says that it does not run any more."""
    return _line({"gone": number})


def read(data: bytes) -> Contents:
    """What *data* says, as far as it can be understood.

    Raises:
        OtherFormatError: its lines are whole, but not of this format.
    """
    contents = Contents()
    lines = data.split(b"\n")
    lines.pop()  # nothing, or half a line
    for line in lines:
        if (said := _said(line)) is None:
            contents.is_damaged = True
        else:
            _take(contents, said)
    return contents


def read_owner(data: bytes) -> Owner | None:
    """The owner that the first line names; `None`: nobody who can be understood."""
    try:
        return read(data).owner
    except OtherFormatError:
        return None


def _take(contents: Contents, said: dict[str, Any]) -> None:
    try:
        match said:
            case {"format": int(number), "owner": owner} if number == FORMAT:
                contents.owner = _owner(**owner)
            case {"number": int(number), "runs": entry}:
                contents.entries[number] = _entry(**entry)
            case {"gone": int(number)}:
                contents.entries.pop(number, None)
            case _:
                raise OtherFormatError(str(said.get("format", "unknown")))
    except TypeError as error:
        raise OtherFormatError("unknown") from error


def _owner(place: Any, **more: Any) -> Owner:
    return Owner(place=Place(**place), **more)


def _entry(place: Any, leaf: Any, **more: Any) -> Entry:
    return Entry(place=Place(**place), leaf=None if leaf is None else Leaf(**leaf), **more)


def _line(said: dict[str, Any]) -> bytes:
    text = json.dumps(said, separators=(",", ":")).encode()  # ASCII, surrogates and all
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _said(line: bytes) -> dict[str, Any] | None:
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
