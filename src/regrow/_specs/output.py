"""What happens to what a child prints."""

from __future__ import annotations

import enum
from collections.abc import Iterator

import attrs

from regrow._specs import fields
from regrow._specs.check import Problem, gather, leniently, report


class OutputTo(enum.StrEnum):
    """Where output goes, besides the tail that is always kept."""

    INHERIT = "inherit"
    """To our own standard output and standard error, as it comes."""

    DISCARD = "discard"
    """Nowhere."""

    FILE = "file"
    """Appended to a file, standard error too."""

    EVENTS = "events"
    """Announced line by line, as `ChildOutput`."""


def _to_output_to(value: OutputTo | str) -> OutputTo:
    return fields.member(OutputTo, value)


@attrs.frozen(kw_only=True, field_transformer=gather)
class OutputPolicy:
    """What happens to what a child prints. It is always read, so no child ever blocks because nobody listens."""

    to: OutputTo = attrs.field(
        default=OutputTo.INHERIT,
        converter=_to_output_to,
        validator=fields.one_of(OutputTo),
    )
    """Where it goes, besides the tail."""

    file: str | None = attrs.field(
        default=None, converter=fields.to_text, validator=attrs.validators.optional(fields.text)
    )
    """The file to append to, with `to="file"`. Relative to our own working directory."""

    tail_lines: int = attrs.field(default=200, validator=fields.count(0))
    """How many of the last lines of each stream are kept in memory."""

    tail_bytes: int = attrs.field(default=64 * 1024, validator=fields.count(0))
    """How many bytes these lines may have together, for each stream."""

    def __attrs_post_init__(self) -> None:
        report(self, "output")

    def combinations(self) -> Iterator[Problem]:
        """What is impossible together."""
        if self.to is OutputTo.FILE and self.file is None:
            yield Problem(".file", "is required with to='file'")
        if self.to is not OutputTo.FILE and self.file is not None:
            yield Problem(".file", f"has no meaning with to={self.to.value!r}; write to='file'")


def to_output(value: OutputPolicy | OutputTo | str) -> OutputPolicy:
    """A converter: `"discard"` is `OutputPolicy(to="discard")`."""
    if isinstance(value, str):
        with leniently():  # what is wrong with it is told with the rest of the child
            return OutputPolicy(to=value)
    return value
