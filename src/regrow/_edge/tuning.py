"""What strange systems, and tests, set differently."""

from __future__ import annotations

from typing import Literal

import attrs


@attrs.frozen(kw_only=True)
class Tuning:
    """How a local launcher works; nobody but a test needs another than the default."""

    pidfd: bool = True
    """Whether a pidfd tells of the end of a process, where there are pidfds. False: as on a system without."""

    epoll: bool = True
    """Whether one epoll serves all descriptors, where there is epoll. False: one task for each."""

    guardian: Literal["auto", "compiled", "python", "none"] = "auto"
    """Who guards the trees of children; `auto`: the compiled guardian if there is one, else that in Python, or none."""

    cgroup: Literal["auto", "always", "none"] = "auto"
    """Who gets a control group, where there can be any; `auto`: those who might get out of reach of their guardian."""

    drain: float = 0.5
    """Seconds that output is waited for when a process is gone and somebody else still holds its pipe."""

    stdout: int = 1
    """The descriptor that `output="inherit"` copies standard output to."""

    stderr: int = 2
    """The descriptor that `output="inherit"` copies standard error to."""
