"""What counts as a sign of life of a child: values for `HangPolicy.activity`."""

from regrow._actors.tracker import ActivityTracker as ActivityTracker
from regrow._specs.activity import AllOf as AllOf
from regrow._specs.activity import AnyOf as AnyOf
from regrow._specs.activity import Callback as Callback
from regrow._specs.activity import CpuProgress as CpuProgress
from regrow._specs.activity import Heartbeat as Heartbeat
from regrow._specs.activity import IoProgress as IoProgress
from regrow._specs.activity import Output as Output
from regrow._specs.activity import Probe as Probe
from regrow._specs.activity import Source as Source
from regrow._specs.activity import Via as Via
