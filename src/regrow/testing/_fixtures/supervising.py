"""What the async fixtures do around a test."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from regrow.testing._fixtures.leaking_tasks import TaskWatch
from regrow.testing._fixtures.starting import Starter


@asynccontextmanager
async def supervising(
    shown: list[Any], new_directory: Callable[[str], Path], left_tasks: list[str]
) -> AsyncGenerator[Starter]:
    """Trees for one test: stopped, last first, when it is over; their errors come out of here.

    Tasks that outlive the test are told to *left_tasks*.
    """
    trio.lowlevel.add_instrument(TaskWatch(left_tasks))
    async with trio.open_nursery() as nursery:
        starter = Starter(nursery, new_directory)
        shown.append(starter)
        try:
            yield starter
        finally:
            await starter.close()  # noqa: ASYNC102  shielded there, and bounded by the graces
