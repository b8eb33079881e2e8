"""A launcher with the wanted kind of guardian. Not public: whoever uses regrow gets the best that the machine has."""

from __future__ import annotations

import attrs

from regrow._edge.local import LocalLauncher
from regrow._edge.tuning import Tuning

LEVELS = ("compiled", "python", "none")


def can_be_chosen() -> bool:
    """Whether this regrow has guardians."""
    return "guardian" in attrs.fields_dict(Tuning)


def launcher(level: str) -> LocalLauncher:
    """One with that kind of guardian."""
    return LocalLauncher(tuning=Tuning(guardian=level)) if can_be_chosen() else LocalLauncher()
