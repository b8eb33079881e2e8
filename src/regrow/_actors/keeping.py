"""What a launcher may keep for the next incarnation of a child, such as its sockets, and when that is given back."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping

from regrow._decisions.entries import Entry
from regrow._specs.child import ChildSpec
from regrow._specs.listen import ListenSocket
from regrow._specs.supervisor import AnySpec, AnySupervisorSpec, SupervisorSpec, join


class Keeping:
    """Knows every path at which a process was started and may be again. What is stuck keeps what it has."""

    def __init__(self, give_back: Callable[[str], None], stuck: Container[str]) -> None:
        self._give_back = give_back
        self._stuck = stuck
        self._paths: set[str] = set()

    def begin(self, path: str) -> None:
        """A process is started at *path*."""
        self._paths.add(path)

    def forget(self, path: str) -> None:
        """Nothing is going to be started any more at *path*, nor below it if there was a supervisor."""
        here = [path] if path in self._paths else [one for one in self._paths if one.startswith(f"{path}/")]
        for one in here:
            if one not in self._stuck:
                self._paths.remove(one)
                self._give_back(one)

    def forget_ended(self, path: str, spec: AnySupervisorSpec, names: Iterable[str]) -> None:
        """The supervisor at *path* has ended; the next one has the children of *spec* only, and a root has none."""
        lasting = {child.name for child in spec.children} if isinstance(spec, SupervisorSpec) else set[str]()
        for name in names:
            if path == "." or name not in lasting:
                self.forget(join(path, name))

    def forget_changed(self, path: str, before: Mapping[str, AnySpec], entries: Iterable[Entry]) -> None:
        """The supervisor at *path* was given a new spec: sockets that nobody wants any more are closed at once."""
        for entry in entries:
            old = before.get(entry.name)
            if old is not None and not entry.is_up and _sockets(old) != _sockets(entry.spec):
                self.forget(join(path, entry.name))


def _sockets(spec: AnySpec) -> tuple[ListenSocket, ...]:
    return spec.sockets if isinstance(spec, ChildSpec) else ()
