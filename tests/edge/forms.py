"""The launcher in each of its forms."""

from __future__ import annotations

import pytest

from regrow._edge.tuning import Tuning

GUARDED = {
    "compiled": Tuning(guardian="compiled"),
    "python_no_epoll_no_pidfd": Tuning(guardian="python", epoll=False, pidfd=False),
}
GROUP = {
    "group": Tuning(guardian="none"),
    "group_no_epoll_no_pidfd": Tuning(guardian="none", epoll=False, pidfd=False),
}
FORMS = {**GUARDED, **GROUP}
"""As it is here, and with ever less: without a compiler, without pidfds, without guardians; the last is as on macOS."""

only_guarded = pytest.mark.parametrize("tuning", GUARDED, indirect=True, ids=str)
"""For what only guardians can do."""

only_group = pytest.mark.parametrize("tuning", GROUP, indirect=True, ids=str)
"""For what happens only without them."""
