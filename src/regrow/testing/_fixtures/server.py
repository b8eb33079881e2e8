"""A tree in a thread with an event loop of its own: for plain tests and asyncio ones, and for many tests."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import trio

from regrow._specs.event import Event
from regrow._specs.exit import Exit
from regrow._specs.facts import Stream
from regrow._specs.status import SupervisorStatus
from regrow.exceptions import InvalidStateError
from regrow.testing._fixtures.report import Section
from regrow.testing._fixtures.starting import Starter, Supervised
from regrow.testing._fixtures.trees import What


class Server:
    """A tree that runs in a thread. Every call blocks until it is done; any thread may make it.

    In an async test a call holds the test's own event loop up, as any blocking call does.
    """

    def __init__(self, name: str, new_directory: Callable[[str], Path]) -> None:
        self.name = name
        """What it is called in reports: that of its fixture."""
        self._new_directory = new_directory
        self._opened: Future[Supervised] = Future()
        self._error: BaseException | None = None
        self._token: trio.lowlevel.TrioToken
        self._nursery: trio.Nursery
        self._thread: threading.Thread

    def start(self, what: What, **options: Any) -> Server:
        """Start it, and return when all of it is ready. Arguments and errors are those of `start_supervised`."""
        run = threading.Thread(target=self._live, args=(what, options), name=f"regrow tree {self.name}", daemon=True)
        self._thread = run
        run.start()
        self._opened.result()
        return self

    def stop(self) -> None:
        """Stop it; return when all of it is gone.

        Raises:
            ExceptionGroup: the tree has given up before, and nobody was told.
        """
        if self._thread.is_alive():
            self.do(Supervised.ask_to_stop)
        self._thread.join()
        self.check()

    def check(self) -> None:
        """Raise what the tree went through, if it has ended by itself."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def do(self, call: Callable[[Supervised], Any]) -> Any:
        """Call a function, async or not, with the tree, in its event loop; return what it returns.

            server.do(lambda tree: tree.child.restart())

        Raises:
            InvalidStateError: the tree has ended.
        """
        answer: Future[Any] = Future()

        async def answering() -> None:
            try:
                result = call(self._opened.result())
                answer.set_result(await result if inspect.isawaitable(result) else result)
            except trio.Cancelled:
                answer.set_exception(InvalidStateError(self.name, "be asked", "it ends", ""))
                raise
            except BaseException as error:  # noqa: BLE001  it is the caller's
                answer.set_exception(error)

        def begin() -> None:
            try:
                self._nursery.start_soon(answering)
            except RuntimeError:  # its nursery is closed
                answer.set_exception(InvalidStateError(self.name, "be asked", "it has ended", ""))

        self._soon(begin)
        return answer.result()

    # -- what is asked most often --------------------------------------------------------------------------------------

    def port(self, path: str | None = None) -> int:
        """What `{port}` stands for, at *path* or for the only child."""
        return self._supervised.port(path)

    def directory(self, path: str | None = None) -> Path:
        """What `{dir}` stands for, at *path* or for the only child."""
        return self._supervised.directory(path)

    @property
    def events(self) -> list[Event]:
        """All events so far."""
        return list(self._supervised.recorder.events)

    def status(self) -> SupervisorStatus:
        """What the tree is doing now."""
        status: SupervisorStatus = self.do(Supervised.status)
        return status

    def output(self, path: str | None = None, stream: Stream | str = Stream.STDOUT) -> tuple[str, ...]:
        """The last lines that a child has printed."""
        lines: tuple[str, ...] = self.do(lambda tree: tree.child_at(path).output(stream))
        return lines

    def signal(self, signal: str | int, path: str | None = None) -> None:
        """Send a signal to a child."""
        self.do(lambda tree: tree.child_at(path).signal(signal))

    def restart(self, path: str | None = None) -> None:
        """Stop a child and start it again; return when it is ready."""
        self.do(lambda tree: tree.child_at(path).restart())

    def wait_exit(self, path: str | None = None) -> Exit:
        """Wait for the end of the incarnation that lives now."""
        exit: Exit = self.do(lambda tree: tree.child_at(path).wait_exit())
        return exit

    def wait_ready(self, path: str | None = None) -> None:
        """Wait until a child is ready."""
        self.do(lambda tree: tree.child_at(path).wait_ready())

    def sections(self) -> list[Section]:
        """What a report says of it."""
        if not self._opened.done() or self._opened.exception():
            return []
        try:
            sections: list[Section] = self.do(Supervised.sections)
        except InvalidStateError:
            return self._supervised.sections()
        return sections

    # -- the thread ----------------------------------------------------------------------------------------------------

    @property
    def _supervised(self) -> Supervised:
        return self._opened.result()

    def _live(self, what: What, options: dict[str, Any]) -> None:
        try:
            trio.run(self._main, what, options)
        except BaseException as error:  # noqa: ASYNC103, BLE001  nobody is above a thread: it is kept for whoever asks
            told = _unwrapped(error)
            if self._opened.done():
                self._error = told
            else:
                self._opened.set_exception(told)

    async def _main(self, what: What, options: dict[str, Any]) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as trees, trio.open_nursery() as self._nursery:
            supervised = await Starter(trees, self._new_directory)(what, **options)
            self._opened.set_result(supervised)
            await supervised.wait_gone()
            self._nursery.cancel_scope.cancel()

    def _soon(self, call: Callable[[], object]) -> None:
        try:
            self._token.run_sync_soon(call)
        except trio.RunFinishedError:
            raise InvalidStateError(self.name, "be asked", "it has ended", "") from None


def _unwrapped(error: BaseException) -> BaseException:
    """What the tree said: each nursery around it has put it into a group."""
    while isinstance(error, BaseExceptionGroup) and error.message == "Exceptions from Trio nursery":
        inner, *others = error.exceptions
        if others:
            break
        error = inner
    return error
