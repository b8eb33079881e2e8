"""The plugin for pytest: fixtures for supervised processes, reports of them, and a check for what tests leave behind.

pytest loads this module in every environment that regrow is installed in, so it imports nothing that is not needed to
say what it has; the fixtures import the rest when they are used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from regrow.testing._fixtures.server import Server
    from regrow.testing._fixtures.starting import Starter, Supervised
    from regrow.testing._fixtures.trees import What

__all__ = ["supervised_server"]


class LeakWarning(pytest.PytestWarning):
    """A test has left something behind, and `--regrow-leaks=warn`."""


Scope = Literal["session", "package", "module", "class", "function"]


_SHOWN = pytest.StashKey[list[Any]]()
"""Of a test: who has something to say if it fails."""

_SERVERS = pytest.StashKey[dict[str, Any]]()
"""Of a session: the servers that run, by the name of their fixture."""

_CHECK = pytest.StashKey[Any]()
"""Of a session: the check of the test that runs now."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Our option."""
    parser.getgroup("regrow").addoption(
        "--regrow-leaks",
        choices=("fail", "warn", "off"),
        default=None,
        help="what to do when a test leaves processes, file descriptors, threads or trio tasks behind"
        " (default: fail for tests that use a fixture of regrow, off for all others)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Our markers, and what a session keeps."""
    config.addinivalue_line("markers", "supervised(what, **options): what the fixture `tree` starts")
    config.addinivalue_line("markers", "regrow_leaks(what): 'fail', 'warn' or 'off' for this test")
    config.stash[_SERVERS] = {}
    config.stash[_CHECK] = None


# -- fixtures ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def start_supervised(request: pytest.FixtureRequest, tmp_path_factory: Any) -> AsyncIterator[Starter]:
    """Trees and commands for this test, which it awaits by `start_supervised(what)`; all are gone after it."""
    async with _starter(request, tmp_path_factory) as starter:
        yield starter


@pytest.fixture
async def tree(request: pytest.FixtureRequest, tmp_path_factory: Any) -> AsyncIterator[Supervised]:
    """The tree that the marker `supervised(what)` of this test says, ready when the test begins."""
    marker = request.node.get_closest_marker("supervised")
    if marker is None:
        raise pytest.UsageError("the fixture `tree` starts what @pytest.mark.supervised(...) says, and there is none")
    async with _starter(request, tmp_path_factory) as starter:
        yield await starter(*marker.args, **marker.kwargs)


@pytest.fixture
def start_supervised_blocking(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Server]]:
    """The same for tests that are not trio's: `start_supervised_blocking(what)` returns a server in a thread."""
    from regrow.testing._fixtures.server import Server  # noqa: PLC0415

    servers: list[Server] = []

    def start(what: What, **options: Any) -> Server:
        server = Server(request.node.name, _directories(tmp_path_factory)).start(what, **options)
        servers.append(server)
        _shown(request.node).append(server)
        return server

    yield start
    _stop_all(servers)


def supervised_server(
    command: What, *, name: str | None = None, scope: Scope = "session", **options: Any
) -> Callable[..., Iterator[Server]]:
    """Make a fixture of a server, in one line; what it gives is a `Server`, which any kind of test can use.

        redis = supervised_server(["redis-server", "--port", "{port}", "--dir", "{dir}"], name="redis", ready="port")

    Args:
        command: what to start; see `start_supervised`.
        name: that of the fixture, and of the child; by default that of the variable it is assigned to.
        scope: how long it runs. It is in a thread of its own, so any scope will do.
        options: see `start_supervised`.
    """

    @pytest.fixture(name=name, scope=scope)
    def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
        from regrow.testing._fixtures.server import Server  # noqa: PLC0415

        called = request.fixturename or name or "server"
        if isinstance(command, str | Sequence):
            options.setdefault("name", called)
        servers = request.config.stash[_SERVERS]
        server = servers[called] = Server(called, _directories(tmp_path_factory)).start(command, **options)
        try:
            yield server
        finally:
            del servers[called]
            server.stop()

    return server


# -- reports -----------------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed shows its trees."""
    report = yield
    if report.failed:
        for one in [*_shown(item), *_servers_of(item)]:
            report.sections.extend(one.sections())
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A test whose server has given up meanwhile fails with the story of that."""
    for server in _servers_of(item):
        server.check()
    return (yield)


# -- leaks -------------------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Before the first fixture of a test is made: see what there is."""
    if _strictness(item) != "off":
        from regrow.testing._fixtures.leaks import Check  # noqa: PLC0415

        servers = item.config.stash[_SERVERS]
        item.config.stash[_CHECK] = Check(lambda: [len(server.events) for server in servers.values()])
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: Any, request: pytest.FixtureRequest) -> Generator[None, object, object]:
    """What a fixture of a wider scope opens does not belong to the test that happens to be the first."""
    check = request.config.stash[_CHECK]
    if check is None or fixturedef.scope == "function":
        return (yield)
    from regrow.testing._fixtures.leaks import look  # noqa: PLC0415

    before = look()
    try:
        return (yield)
    finally:
        check.allow(before)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """When all that belongs to a test is torn down: see what is left."""
    try:
        return (yield)
    finally:
        check, item.config.stash[_CHECK] = item.config.stash[_CHECK], None
        if check is not None and (left := check.finish()):
            _blame(item, left)


def _strictness(item: pytest.Item) -> str:
    """`fail`, `warn` or `off`: what its marker says, or the option, or whether it uses a fixture of ours."""
    marker = item.get_closest_marker("regrow_leaks")
    option = marker.args[0] if marker else item.config.getoption("--regrow-leaks")
    if option is not None:
        return str(option)
    info = getattr(item, "_fixtureinfo", None)
    fixtures = [one for several in info.name2fixturedefs.values() for one in several] if info else []
    return "fail" if any(getattr(one.func, "__module__", "") == __name__ for one in fixtures) else "off"


def _blame(item: pytest.Item, left: list[str]) -> None:
    text = "\n".join(["this test has left behind:", *(f"  {one}" for one in left)])
    if _strictness(item) == "warn":
        item.warn(LeakWarning(f"{item.nodeid}: {text}"))
    else:
        pytest.fail(text, pytrace=False)


# -- their parts -------------------------------------------------------------------------------------------------------


def _starter(request: pytest.FixtureRequest, factory: pytest.TempPathFactory) -> Any:
    from regrow.testing._fixtures.supervising import supervising  # noqa: PLC0415

    check = request.config.stash[_CHECK]
    return supervising(_shown(request.node), _directories(factory), check.tasks if check else [])


def _directories(factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return lambda name: factory.mktemp(f"regrow-{name}-")


def _stop_all(servers: list[Server]) -> None:
    """Stop all, last first, and raise what they went through."""
    errors: list[BaseException] = []
    for server in reversed(servers):
        try:
            server.stop()
        except BaseException as error:  # noqa: ASYNC103, BLE001  the others are stopped all the same
            errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else BaseExceptionGroup("servers of the test", errors)


def _shown(item: pytest.Item) -> list[Any]:
    return item.stash.setdefault(_SHOWN, [])


def _servers_of(item: pytest.Item) -> list[Any]:
    names = getattr(item, "fixturenames", ())
    return [server for name, server in item.config.stash[_SERVERS].items() if name in names]
