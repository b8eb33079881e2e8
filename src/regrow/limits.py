"""How much a child may use: values for `ChildSpec.limits`."""

from regrow._specs.limit import Limit as Limit
from regrow._specs.limit import Measure as Measure
from regrow._specs.limit import RestartAbove as RestartAbove
from regrow._specs.limit import WarnAbove as WarnAbove
