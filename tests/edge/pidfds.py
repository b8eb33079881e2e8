"""For tests that look at processes through pidfds themselves."""

import pytest

from regrow._edge.grouping.handle import has_pidfd

needs_pidfd = pytest.mark.skipif(not has_pidfd(), reason="NOT TESTED: there are no pidfds here")
