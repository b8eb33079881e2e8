"""Threads that a test leaves behind."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Iterator
from types import FrameType


def look() -> frozenset[int]:
    """Threads that do something. Those of trio that wait for work stay for ten seconds, for whoever has some."""
    frames = _frames()
    idents = [thread.ident for thread in threading.enumerate() if thread.ident is not None]
    return frozenset(ident for ident in idents if not _is_idle(frames.get(ident)))


def besides_trees(idents: frozenset[int]) -> frozenset[int]:
    """Those that are none of what trees start."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return frozenset(ident for ident in idents if not names.get(ident, "regrow").startswith(("regrow", "Trio thread")))


def tell(idents: frozenset[int]) -> Iterator[str]:
    """What they are called, what they run, and where they are now."""
    frames = _frames()
    for thread in threading.enumerate():
        if thread.ident is not None and thread.ident in idents:
            target = getattr(getattr(thread, "_target", None), "__qualname__", type(thread).__name__)
            yield f"thread {thread.name!r}: runs {target}, at {_place(frames.get(thread.ident))}"


def _frames() -> dict[int, FrameType]:
    """Where each thread is; documented, whatever its name says."""
    return sys._current_frames()  # pyright: ignore[reportPrivateUsage]


def _is_idle(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_code.co_filename.replace("\\", "/").endswith("trio/_core/_thread_cache.py")


def _place(frame: FrameType | None) -> str:
    """The innermost line that is not of the standard library's threading."""
    if frame is None:
        return "?"
    stack = traceback.extract_stack(frame)
    lines = [line for line in stack if not line.filename.endswith("threading.py")] or stack
    return f"{lines[-1].filename}:{lines[-1].lineno} in {lines[-1].name}"
