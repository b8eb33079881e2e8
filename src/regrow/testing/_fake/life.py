"""What a fake is started with, and what its program would see of that."""

from __future__ import annotations

import os

import attrs

from regrow._specs.child import ChildSpec
from regrow._specs.facts import Key


@attrs.frozen
class Life:
    """What a fake can know before it begins to run."""

    key: Key
    spec: ChildSpec
    pid: int
    asked_at: float
    """When its start was asked for: its `start_timeout` counts from then."""

    containment: str
    """The layer that keeps its process tree in one place."""

    addresses: tuple[str, ...] = ()
    """Where its sockets listen, ports filled in."""

    @property
    def environment(self) -> dict[str, str]:
        """What its process would see."""
        inherited = dict(os.environ) if self.spec.inherit_env else {}
        own = {"REGROW_PATH": self.key.path, "REGROW_INCARNATION": str(self.key.incarnation)}
        return inherited | dict(self.spec.env) | own | self._of_sockets()

    def _of_sockets(self) -> dict[str, str]:
        if not self.spec.sockets:
            return {}
        names = ":".join(socket.name or "unknown" for socket in self.spec.sockets)
        return {"LISTEN_FDS": str(len(self.spec.sockets)), "LISTEN_FDNAMES": names, "LISTEN_PID": str(self.pid)}

    def describe(self, word: str) -> str:
        """What `children.describes_itself` would say of it; `?` where that is not in its spec."""
        spec = self.spec
        if word in spec.rlimits:
            return " ".join("unlimited" if limit is None else str(limit) for limit in spec.rlimits[word])
        facts: dict[str, object] = {
            "umask": None if spec.umask is None else f"{spec.umask:#o}",
            "nice": spec.nice,
            "affinity": spec.affinity and " ".join(map(str, sorted(spec.affinity))),
            "io_priority": spec.io_priority,
            "no_new_privs": int(spec.no_new_privs),
            "descriptors": " ".join(map(str, self.descriptors)),
            "terminal": "0 1 2" if spec.terminal else "none",
            "session": "own",
        }
        return "?" if facts.get(word) is None else str(facts[word])

    @property
    def descriptors(self) -> list[int]:
        """Those that its program would have."""
        return sorted({0, 1, 2, *range(3, 3 + len(self.spec.sockets)), *self.spec.fds})
