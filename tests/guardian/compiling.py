"""The compiled guardian where tests need it: in the package, as an installation leaves it there."""

from __future__ import annotations

from pathlib import Path

from regrow._edge.guardian import build
from regrow._edge.guardian.locate import locate


def ensure_compiled() -> Path | None:
    """Have the one that belongs to guardian.c as it is now, if there is a compiler: then `locate` finds it.

    Several may do that at once (the workers of one test run): each makes a whole file, and the last one stays.
    """
    found = locate("compiled")
    return Path(found[0]) if found else build.build(build.SOURCE.parent)
