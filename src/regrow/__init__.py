"""An Erlang-style supervision tree for real operating-system processes, on trio.

    async with open_supervisor(spec) as supervisor:  # returns when everything is ready
        ...                                          # what dies comes back; leaving stops all, in reverse
"""

from regrow import exceptions as exceptions
from regrow._actors.child_handle import ChildHandle as ChildHandle
from regrow._actors.supervisor_handle import SupervisorHandle as SupervisorHandle
from regrow._edge.local import LocalLauncher as LocalLauncher
from regrow._run import open_supervisor as open_supervisor
from regrow._run import run as run
from regrow._specs.backoff import Backoff as Backoff
from regrow._specs.child import ChildSpec as ChildSpec
from regrow._specs.child import Restart as Restart
from regrow._specs.child import Stdin as Stdin
from regrow._specs.exit import Exit as Exit
from regrow._specs.exit import Reason as Reason
from regrow._specs.exit import Usage as Usage
from regrow._specs.output import OutputPolicy as OutputPolicy
from regrow._specs.output import OutputTo as OutputTo
from regrow._specs.status import ChildCount as ChildCount
from regrow._specs.status import ChildStatus as ChildStatus
from regrow._specs.status import State as State
from regrow._specs.status import Statistics as Statistics
from regrow._specs.status import SupervisorStatus as SupervisorStatus
from regrow._specs.stop import Stop as Stop
from regrow._specs.supervisor import AutoShutdown as AutoShutdown
from regrow._specs.supervisor import DynamicSpec as DynamicSpec
from regrow._specs.supervisor import Order as Order
from regrow._specs.supervisor import Strategy as Strategy
from regrow._specs.supervisor import SupervisorSpec as SupervisorSpec
from regrow.exceptions import InvalidSpecError as InvalidSpecError
from regrow.exceptions import RegrowError as RegrowError
from regrow.exceptions import StartFailedError as StartFailedError
from regrow.exceptions import TooManyRestartsError as TooManyRestartsError
