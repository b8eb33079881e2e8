"""What is said of a child besides its state: what it still takes until it is ready, and what it says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regrow._specs import event as events
from regrow._specs.facts import Awaiting, Remark

if TYPE_CHECKING:
    from regrow._actors.process import Process


class Word:
    """Kept for the status, and announced, of one incarnation."""

    __slots__ = ("_process", "awaits", "says")

    def __init__(self, process: Process) -> None:
        self._process = process
        self.awaits = ""
        """What it still takes until it is ready, as far as its launcher says so."""
        self.says = ""
        """What it has said of itself last."""

    def hear(self, fact: Awaiting | Remark) -> None:
        """Its launcher has told this."""
        key = self._process.key
        if isinstance(fact, Awaiting):
            self.awaits = fact.what
            self._process.tree.announce(events.ChildWaiting(key.path, key.incarnation, fact.what))
            return
        if not fact.is_answer:
            self.says = fact.text
        self._process.tree.announce(events.ChildRemarked(key.path, key.incarnation, fact.text, fact.is_answer))
