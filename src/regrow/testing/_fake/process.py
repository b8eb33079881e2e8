"""What a test sees of one incarnation, and tells it."""

from __future__ import annotations

import attrs

from regrow._specs.protocol import Awaiting, Evidence, Leaving, Lost, Output, Ready, ReadyFailed, Remark, Sample, Stream
from regrow._specs.signals import to_signal
from regrow.exceptions import InvalidStateError
from regrow.testing._fake.body import Body


@attrs.define(eq=False, repr=False)
class FakeProcess(Body):
    """One incarnation. It does by itself what its script says, and at once what the test tells it.

    Raises:
        InvalidStateError: when told something that it cannot do any more, for a test that is wrong about its state.
    """

    sample: Sample = attrs.field(default=Sample(rss=1_000_000, cpu=0.0, descendants=0, threads=1), init=False)
    """What a reading of it gives."""

    evidence: Evidence = attrs.field(default=Evidence(state="sleeping"), init=False)
    """What is said about it when somebody asks for evidence."""

    answers_after: float = attrs.field(default=0.0, init=False)
    """Seconds that its sources of activity take to answer; `inf`: they never do."""

    def __repr__(self) -> str:
        return f"<FakeProcess {self.key}: {self.end or 'running'}>"

    @property
    def is_ready(self) -> bool:
        """Whether it has become ready; it stays so when it is gone."""
        return isinstance(self.readiness, Ready)

    @property
    def containment(self) -> str:
        """The layer that keeps its process tree in one place."""
        return self.life.containment

    @property
    def environment(self) -> dict[str, str]:
        """What its program would see, `LISTEN_FDS` and its neighbours included."""
        return self.life.environment

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where its sockets listen, ports filled in."""
        return self.life.addresses

    @property
    def descendants(self) -> list[int]:
        """The pids of those that are alive; also when it is gone, and they were kept."""
        return list(self.family.alive)

    @property
    def stdin(self) -> bytes:
        """All that was written to it."""
        return bytes(self._input)

    def exit(self, code: int = 0) -> None:
        """End by itself with an exit code."""
        self._must_run("exit")
        self.finish(code=code)

    def die_of(self, signal: str) -> None:
        """Be ended by a signal from elsewhere, even if it ignores that, even if it is unkillable."""
        self._must_run("die")
        self.finish(signal=to_signal(signal))

    def let_go(self) -> None:
        """Have nothing left: all descendants end, also those that cannot be killed."""
        self.family.end()

    def lose(self, loss: str, why: str = "fake: lost") -> None:
        """Be lost, together with all that are lost with the same *loss*."""
        self._must_run("get lost")
        self.vanish(Lost(why, loss))

    def print(self, text: str | bytes, stream: str = "stdout") -> None:
        """Print *text* as it is; nothing adds a line end."""
        self._must_run("print")
        self.tell(Output(Stream(stream), text.encode() if isinstance(text, str) else text))

    def beat(self, source: str = "heartbeat") -> None:
        """Show a sign of life, as a source of its `hang` would see it when it is asked."""
        self._must_run("beat")
        self.note_beat(source)

    def become_ready(self) -> None:
        """Be ready, as its probe would see it."""
        self._must_be_unsettled("become ready")
        self.settle_readiness(Ready())

    def fail_ready(self, why: str = "fake: its probe failed") -> None:
        """Never be ready: have a probe that says so."""
        self._must_be_unsettled("fail to become ready")
        self.settle_readiness(ReadyFailed(why))

    def awaiting(self, what: str) -> None:
        """Have *what* still missing until it is ready, as its probe would say."""
        self._must_be_unsettled("await something")
        self.tell(Awaiting(what))

    def remark(self, text: str) -> None:
        """Say something of itself, as with `STATUS=`."""
        self._must_run("say something")
        self.tell(Remark(text))

    def leaving(self) -> None:
        """Say that it is about to end by itself, as with `STOPPING=1`; it goes on until it is told to end."""
        self._must_run("say that it leaves")
        self.tell(Leaving())

    def _must_be_unsettled(self, operation: str) -> None:
        self._must_run(operation)
        if self.readiness is not None:
            raise InvalidStateError(str(self.key), operation, f"settled ({self.readiness})")

    def _must_run(self, operation: str) -> None:
        if self.has_died:
            state = f"gone ({self.end})" if self.end else "dead, and its strays are not"
            raise InvalidStateError(str(self.key), operation, state)
