"""Threads that a test leaves behind."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Iterator


def look() -> frozenset[int]:
    """Threads that do something. Those of trio that wait for work stay for ten seconds, for whoever has some."""
    frames = sys._current_frames()
    idents = [thread.ident for thread in threading.enumerate() if thread.ident is not None]
    return frozenset(ident for ident in idents if not _is_idle(frames.get(ident)))


def besides_trees(idents: frozenset[int]) -> frozenset[int]:
    """Those that are none of what trees start."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return frozenset(ident for ident in idents if not names.get(ident, "regrow").startswith(("regrow", "Trio thread")))


def tell(idents: frozenset[int]) -> Iterator[str]:
    """What they are called, what they run, and where they are now."""
    frames = sys._current_frames()
    for thread in threading.enumerate():
        if thread.ident is not None and thread.ident in idents:
            target = getattr(getattr(thread, "_target", None), "__qualname__", type(thread).__name__)
            yield f"thread {thread.name!r}: runs {target}, at {_place(frames.get(thread.ident))}"


def _is_idle(frame: object) -> bool:
    code = getattr(frame, "f_code", None)
    return code is not None and code.co_filename.replace("\\", "/").endswith("trio/_core/_thread_cache.py")


def _place(frame: object) -> str:
    """The innermost line that is not of the standard library's threading."""
    if frame is None:
        return "?"
    stack = traceback.extract_stack(frame)  # type: ignore[arg-type]
    lines = [line for line in stack if not line.filename.endswith("threading.py")] or stack
    return f"{lines[-1].filename}:{lines[-1].lineno} in {lines[-1].name}"
