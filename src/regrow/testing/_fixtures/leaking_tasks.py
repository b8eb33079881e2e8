"""Trio tasks that a test leaves behind: those outside of every nursery of it, which end with the event loop only.

A task in a nursery cannot be left: the nursery waits for it.
"""

from __future__ import annotations

import trio
from trio.lowlevel import Task


class TaskWatch(trio.abc.Instrument):
    """Looks, when the main task of this event loop has ended, which system tasks there are that were not before."""

    def __init__(self, left: list[str]) -> None:
        self._left = left
        self._main = _main_task()
        self._known = set(_system_tasks())

    def task_exited(self, task: Task) -> None:
        """The event loop says that a task has ended."""
        if task is self._main:
            self._left.extend(_name(one) for one in _system_tasks() if one not in self._known)


def _main_task() -> Task:
    task = trio.lowlevel.current_task()
    while task.parent_nursery is not None and task.parent_nursery.parent_task is not trio.lowlevel.current_root_task():
        task = task.parent_nursery.parent_task
    return task


def _system_tasks() -> list[Task]:
    root = trio.lowlevel.current_root_task()
    main = None if root is None else _main_task() if trio.lowlevel.in_trio_task() else None
    nurseries = [] if root is None else root.child_nurseries
    return [task for nursery in nurseries for task in nursery.child_tasks if task is not main]


def _name(task: Task) -> str:
    frame = getattr(task.coro, "cr_frame", None)
    place = f", at {frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""
    return f"{task.name}{place}"
