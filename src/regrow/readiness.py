"""How to see that a child is ready: values for `ChildSpec.ready`."""

from regrow._specs.asking import HttpOk as HttpOk
from regrow._specs.asking import Succeeds as Succeeds
from regrow._specs.combined import AllOf as AllOf
from regrow._specs.combined import AnyOf as AnyOf
from regrow._specs.protocol import Probe as Probe
from regrow._specs.protocol import Target as Target
from regrow._specs.readiness import Calls as Calls
from regrow._specs.readiness import Completes as Completes
from regrow._specs.readiness import FileExists as FileExists
from regrow._specs.readiness import Notified as Notified
from regrow._specs.readiness import OutputLine as OutputLine
from regrow._specs.readiness import TcpPort as TcpPort
from regrow._specs.readiness import UnixSocket as UnixSocket
