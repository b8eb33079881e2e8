"""How a child is stopped: the ladder, and its steps."""

from regrow._specs.stop import KILL as KILL
from regrow._specs.stop import CloseStdin as CloseStdin
from regrow._specs.stop import Run as Run
from regrow._specs.stop import Signal as Signal
from regrow._specs.stop import Stop as Stop
from regrow._specs.stop import To as To
