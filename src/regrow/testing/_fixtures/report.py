"""What is added to the report of a test that fails: how its trees were, what happened, what their children printed."""

from __future__ import annotations

from collections.abc import Iterator

from regrow._actors.child_handle import ChildHandle
from regrow._actors.supervisor_handle import SupervisorHandle
from regrow._specs.event import Event
from regrow._specs.facts import Stream
from regrow._specs.status import AnyStatus, ChildStatus
from regrow.exceptions import RegrowError
from regrow.testing._oracle.story import timeline

MOST_EVENTS, MOST_LINES = 40, 40

Section = tuple[str, str]


def sections(tree: SupervisorHandle, events: list[Event]) -> list[Section]:
    """The sections about *tree* as it is now."""
    name = tree.spec.name
    status = "\n".join(_row(one) for one in tree.status().walk())
    happened = "\n".join(timeline(events[-MOST_EVENTS:]))
    return [(f"regrow: status of {name}", status), (f"regrow: last events of {name}", happened), *_outputs(tree)]


def _row(status: AnyStatus) -> str:
    words = [f"{status.path:<20} {status.state.value}"]
    if isinstance(status, ChildStatus):
        words += [f"pid {status.pid}"] * (status.pid is not None)
        words += [f"waits for {status.waiting_for}"] * (status.waiting_for is not None)
    words += [f"restarts {status.restarts}"] * (status.restarts > 0)
    words += [f"last exit: {status.last_exit.describe()}"] if status.last_exit else []
    return ", ".join(words)


def _outputs(tree: SupervisorHandle) -> Iterator[Section]:
    for status in tree.status().walk():
        for stream in Stream if isinstance(status, ChildStatus) else ():
            if lines := _output(tree, status.path, stream):
                yield f"regrow: {stream.value} of {status.path}", "\n".join(lines)


def _output(tree: SupervisorHandle, path: str, stream: Stream) -> tuple[str, ...]:
    try:
        handle = tree[path]
    except RegrowError:  # gone meanwhile
        return ()
    return handle.output(stream, MOST_LINES) if isinstance(handle, ChildHandle) else ()
