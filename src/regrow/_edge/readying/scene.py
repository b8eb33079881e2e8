"""What a probe has to do with: the child, and what there is to find out about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import attrs

from regrow._edge.errand import Errand
from regrow._edge.notify import Notifications
from regrow._edge.readying.files import Marks
from regrow._edge.readying.lines import Lines
from regrow._edge.readying.pacing import Look
from regrow._specs.protocol import Target


@attrs.define(eq=False, kw_only=True)
class Scene:
    """One child, for its probes."""

    target: Target
    look: Look
    run: Callable[[Sequence[str]], Errand]
    """Starts a command, as one for a step of a stop is started."""

    remark: Callable[[str], object]
    """Says, once for each text, what cannot be found out."""

    cwd: str | None = None
    shim: int | None = None
    """Whose child its main process is, if its strays become children of that, too, and nobody else is one."""

    is_namespace: bool = False
    """Whether it has a pid namespace of its own."""

    is_given: bool = False
    """Whether it was given sockets or descriptors of ours."""

    heard: Notifications | None = None
    lines: Lines | None = None
    marks: Marks = attrs.field(factory=dict)

    def place(self, path: str) -> str:
        """Where *path* is, as the child sees it."""
        return path if self.cwd is None else os.path.join(self.cwd, path)
