"""Readings where each child counts for itself what its tree uses, as the jobs of Windows do."""

from __future__ import annotations

from collections.abc import Sequence

from regrow._edge.sampling.subject import Subject
from regrow._specs.protocol import Key, Sample


class TakingReader:
    """Reads one after the other. See `subject.Reader`."""

    at: Key | None = None
    """See `subject.Reader`; nothing here hangs for one child alone."""

    def read(self, subjects: Sequence[Subject]) -> dict[Key, Sample]:
        """One reading of each."""
        found = ((subject.key, subject.take()) for subject in subjects)
        return {key: sample for key, sample in found if sample is not None}

    def drop(self, key: Key) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is kept."""

    def shun(self, key: Key) -> None:
        """Nothing is avoided."""
