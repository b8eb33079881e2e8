"""The traceback of a user's own code, without ours and without the import machinery."""

from __future__ import annotations

import traceback
from pathlib import Path

_OURS = str(Path(__file__).parents[1])


def own_traceback(error: BaseException) -> str:
    """What Python would have printed, had it run the user's code itself."""
    told = traceback.TracebackException.from_exception(error)
    _clean(told)
    return "".join(told.format()).rstrip()


def _clean(told: traceback.TracebackException) -> None:
    told.stack = traceback.StackSummary.from_list([frame for frame in told.stack if not _is_foreign(frame.filename)])
    for other in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if other is not None:
            _clean(other)


def _is_foreign(file: str) -> bool:
    return file.startswith((_OURS, "<frozen importlib")) or file.endswith("importlib/__init__.py")
