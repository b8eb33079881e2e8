"""The protocols for those who write their own: launchers, probes and sinks; and what has a descriptor."""

from regrow._specs.protocol import Activity as Activity
from regrow._specs.protocol import Evidence as Evidence
from regrow._specs.protocol import Exited as Exited
from regrow._specs.protocol import Fact as Fact
from regrow._specs.protocol import Key as Key
from regrow._specs.protocol import Launched as Launched
from regrow._specs.protocol import Launcher as Launcher
from regrow._specs.protocol import Lost as Lost
from regrow._specs.protocol import NotLaunched as NotLaunched
from regrow._specs.protocol import OpenLauncher as OpenLauncher
from regrow._specs.protocol import Output as Output
from regrow._specs.protocol import OutputGap as OutputGap
from regrow._specs.protocol import Probe as Probe
from regrow._specs.protocol import Ready as Ready
from regrow._specs.protocol import ReadyFailed as ReadyFailed
from regrow._specs.protocol import Refusal as Refusal
from regrow._specs.protocol import Report as Report
from regrow._specs.protocol import RunningProcess as RunningProcess
from regrow._specs.protocol import Sample as Sample
from regrow._specs.protocol import Sink as Sink
from regrow._specs.protocol import Stream as Stream
from regrow._specs.protocol import Stuck as Stuck
from regrow._specs.protocol import Target as Target
from regrow._specs.settings import HasFileno as HasFileno
