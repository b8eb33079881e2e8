"""An Erlang-style supervision tree for real operating-system processes, on trio.

    async with open_supervisor(spec) as supervisor:  # returns when everything is ready
        ...                                          # what dies comes back; leaving stops all, in reverse

Every name is imported when it is used for the first time: `import regrow` costs nothing, and who only declares specs
loads neither trio nor structlog.
"""

TYPE_CHECKING = False  # `typing` alone would take longer than all the rest
if TYPE_CHECKING:
    from regrow import exceptions as exceptions
    from regrow._actors.child_handle import ChildHandle as ChildHandle
    from regrow._actors.supervisor_handle import SupervisorHandle as SupervisorHandle
    from regrow._edge.local import LocalLauncher as LocalLauncher
    from regrow._run import open_supervisor as open_supervisor
    from regrow._run import run as run
    from regrow._sinks.log import LogSink as LogSink
    from regrow._specs.backoff import Backoff as Backoff
    from regrow._specs.check import Problem as Problem
    from regrow._specs.child import ChildSpec as ChildSpec
    from regrow._specs.child import Restart as Restart
    from regrow._specs.child import Stdin as Stdin
    from regrow._specs.containment import Containment as Containment
    from regrow._specs.exit import Exit as Exit
    from regrow._specs.exit import Reason as Reason
    from regrow._specs.exit import Usage as Usage
    from regrow._specs.hang import HangPolicy as HangPolicy
    from regrow._specs.listen import ListenSocket as ListenSocket
    from regrow._specs.output import OutputPolicy as OutputPolicy
    from regrow._specs.output import OutputTo as OutputTo
    from regrow._specs.status import ChildCount as ChildCount
    from regrow._specs.status import ChildStatus as ChildStatus
    from regrow._specs.status import Health as Health
    from regrow._specs.status import State as State
    from regrow._specs.status import Statistics as Statistics
    from regrow._specs.status import SupervisorStatus as SupervisorStatus
    from regrow._specs.stop import Stop as Stop
    from regrow._specs.supervisor import AutoShutdown as AutoShutdown
    from regrow._specs.supervisor import DynamicSpec as DynamicSpec
    from regrow._specs.supervisor import Order as Order
    from regrow._specs.supervisor import Strategy as Strategy
    from regrow._specs.supervisor import SupervisorSpec as SupervisorSpec
    from regrow._specs.watchdog import WatchdogConfig as WatchdogConfig
    from regrow.exceptions import InvalidSpecError as InvalidSpecError
    from regrow.exceptions import RegrowError as RegrowError
    from regrow.exceptions import StartFailedError as StartFailedError
    from regrow.exceptions import TooManyRestartsError as TooManyRestartsError
else:
    # The same once more, for when it runs. A type checker sees neither this nor `__getattr__`, so to it a name that is
    # not there is a mistake; a test compares the two lists.
    _HOMES = {
        "_actors.child_handle": "ChildHandle",
        "_actors.supervisor_handle": "SupervisorHandle",
        "_edge.local": "LocalLauncher",
        "_run": "open_supervisor run",
        "_sinks.log": "LogSink",
        "_specs.backoff": "Backoff",
        "_specs.check": "Problem",
        "_specs.child": "ChildSpec Restart Stdin",
        "_specs.containment": "Containment",
        "_specs.exit": "Exit Reason Usage",
        "_specs.hang": "HangPolicy",
        "_specs.listen": "ListenSocket",
        "_specs.output": "OutputPolicy OutputTo",
        "_specs.status": "ChildCount ChildStatus Health State Statistics SupervisorStatus",
        "_specs.stop": "Stop",
        "_specs.supervisor": "AutoShutdown DynamicSpec Order Strategy SupervisorSpec",
        "_specs.watchdog": "WatchdogConfig",
        "exceptions": "InvalidSpecError RegrowError StartFailedError TooManyRestartsError",
    }
    _HOME_OF = {name: f"regrow.{home}" for home, names in _HOMES.items() for name in names.split()}

    __all__ = ["exceptions"]
    __all__ += list(_HOME_OF)

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415  only when needed, and not in `dir`

        if name == "exceptions":
            return import_module("regrow.exceptions")
        if name not in _HOME_OF:
            raise AttributeError(f"module 'regrow' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
