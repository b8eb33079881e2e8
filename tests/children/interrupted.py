"""Opens a tree of fakes again and again, each time with a Ctrl-C at the next line that its main task executes in ours.

Prints one line for each line at which something was left, or at which it never ended; exits with 0 when a whole life
was over before the line came.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Any

import trio

from regrow import ChildSpec, SupervisorSpec, open_supervisor
from regrow.testing import FakeLauncher

OURS = ("/regrow/_run.py", "/regrow/_actors/")
TRIOS = {"start_soon", "spawn_impl", "__aenter__", "__aexit__", "cancel", "__enter__", "__exit__"}
ENDED, INTERRUPTED, LEFT = 0, 1, 3


class Interrupt:
    """A trace function that presses Ctrl-C at the *k*-th line."""

    def __init__(self, k: int) -> None:
        self.left = k
        self.where = ""
        self.task: trio.lowlevel.Task | None = None

    def call(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        is_ours = any(part in code.co_filename for part in OURS)
        is_trios = code.co_filename.endswith("trio/_core/_run.py") and code.co_name in TRIOS
        return self.line if (is_ours or is_trios) and self._is_here() else None

    def line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            self.left -= 1
            if self.left == 0:
                self.where = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
                os.write(1, f"{self.where} ".encode())
                signal.raise_signal(signal.SIGINT)
        return self.line

    def _is_here(self) -> bool:
        try:
            return trio.lowlevel.current_task() is self.task
        except RuntimeError:
            return False


def live(k: int) -> int:
    """One life, interrupted at the k-th line."""
    interrupt, launcher = Interrupt(k), FakeLauncher()

    async def main() -> None:
        interrupt.task = trio.lowlevel.current_task()
        spec = SupervisorSpec(name="app", children=[ChildSpec(name="a", command=["x"])])
        sys.settrace(interrupt.call)
        try:
            async with open_supervisor(spec, launcher=launcher, sinks=[]):
                await trio.sleep(0.001)
        finally:
            sys.settrace(None)

    with suppress(KeyboardInterrupt, BaseExceptionGroup):  # either is fine, as long as nothing is left
        trio.run(main)
    if launcher.running:
        return LEFT
    return ENDED if interrupt.left > 0 else INTERRUPTED


def main(step: int) -> int:
    """Fork for each life: one that hangs is ended by its alarm."""
    k, faults = 1, 0
    while True:
        pid = os.fork()
        if pid == 0:
            signal.alarm(5)
            os._exit(live(k))
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status == ENDED:
            print(f"\n{k} lines")
            return 1 if faults else 0
        if status != INTERRUPTED:
            faults += 1
            print("<- left something" if status == LEFT else "<- never ended", flush=True)
        k += step


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
