"""Everything that happens to a tree, as values."""

from regrow._actors.journal import EventStream as EventStream
from regrow._specs.event import ChildAdded as ChildAdded
from regrow._specs.event import ChildDeleted as ChildDeleted
from regrow._specs.event import ChildExited as ChildExited
from regrow._specs.event import ChildForgotten as ChildForgotten
from regrow._specs.event import ChildOutput as ChildOutput
from regrow._specs.event import ChildReady as ChildReady
from regrow._specs.event import ChildSignalled as ChildSignalled
from regrow._specs.event import ChildStarted as ChildStarted
from regrow._specs.event import ChildStartFailed as ChildStartFailed
from regrow._specs.event import ChildStopping as ChildStopping
from regrow._specs.event import ChildStuck as ChildStuck
from regrow._specs.event import Event as Event
from regrow._specs.event import EventsMissed as EventsMissed
from regrow._specs.event import OutputMissed as OutputMissed
from regrow._specs.event import RestartCancelled as RestartCancelled
from regrow._specs.event import RestartScheduled as RestartScheduled
from regrow._specs.event import SinkRemoved as SinkRemoved
from regrow._specs.event import SpecApplied as SpecApplied
from regrow._specs.event import SupervisorExited as SupervisorExited
from regrow._specs.event import SupervisorGaveUp as SupervisorGaveUp
from regrow._specs.event import SupervisorReady as SupervisorReady
from regrow._specs.event import SupervisorStarted as SupervisorStarted
from regrow._specs.event import SupervisorStopping as SupervisorStopping
from regrow._specs.event import SurvivorEnded as SurvivorEnded
