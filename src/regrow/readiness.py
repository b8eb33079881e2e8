"""How to see that a child is ready: values for `ChildSpec.ready`."""

from regrow._specs.protocol import Probe as Probe
from regrow._specs.protocol import Target as Target
from regrow._specs.readiness import Calls as Calls
from regrow._specs.readiness import Completes as Completes
from regrow._specs.readiness import TcpPort as TcpPort
