"""What we ask of Windows, as calls with plain values: `kernel32` makes them, a fake of the tests answers them.

Two protocols. `Kernel` is what never waits, except `take_message`: one method for each call of kernel32 (or a few that
belong together). `System` is a kernel with what waits, in the manner of trio. All errors are `OSError`, with the number
of Windows in `winerror`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NewType, Protocol

import attrs

Handle = NewType("Handle", int)
"""What the kernel gives for an object: ours until `close`. Not inherited by anybody, unless that is said."""


@attrs.frozen(kw_only=True)
class Limits:
    """What the processes of a job may use; `None`: as much as they can get."""

    memory: int | None = None
    """Bytes of committed memory of each process."""

    user_time: float | None = None
    """CPU seconds of each process in its own code; who has used them up is ended."""

    processes: int | None = None
    """How many there may be at a time; one more is not created."""

    affinity: int | None = None
    """A bit for each CPU that they may run on."""

    priority_class: int | None = None
    """One of the `..._PRIORITY_CLASS` numbers."""


@attrs.frozen(kw_only=True)
class Accounting:
    """What a job has used, its dead processes included."""

    user: float
    system: float
    page_faults: int
    active: int
    """How many processes it has now."""


@attrs.frozen(kw_only=True)
class Program:
    """A process to create."""

    application: str
    """Its file."""

    command_line: str
    environment: Mapping[str, str]
    cwd: str | None
    stdin: Handle
    stdout: Handle
    stderr: Handle
    """These three are made inheritable, and it inherits nothing else."""

    jobs: tuple[Handle, ...]
    """It is born in all of them; each is nested in the one before it."""

    with_console: bool
    """Whether it shares our console; else it has one of its own that nobody sees."""


@attrs.frozen(kw_only=True)
class Created:
    """A process that was created and has not run yet."""

    process: Handle
    thread: Handle
    """Its first thread, to be resumed."""

    pid: int


@attrs.frozen
class Message:
    """What a completion port delivers: of a job, or what we have posted ourselves."""

    key: int
    kind: int
    """One of the `JOB_OBJECT_MSG_...` numbers."""

    pid: int
    """Of whom; 0: of nobody in particular."""


@attrs.frozen(kw_only=True)
class Measure:
    """What one process uses now."""

    rss: int
    threads: int


class Kernel(Protocol):
    """Calls that do not wait, except one. Any thread may make them."""

    # jobs

    def create_job(self) -> Handle:
        """A new job, without a name, that nobody inherits. Closing its last handle ends all who are in it."""
        ...

    def limit_job(self, job: Handle, limits: Limits) -> None:
        """Set what those in *job* may use."""

    def send_messages(self, job: Handle, port: Handle, key: int) -> None:
        """Have *job* tell *port*, under *key*, who comes and goes."""

    def stop_messages(self, job: Handle) -> None:
        """Have *job* tell nobody any more."""

    def terminate_job(self, job: Handle, code: int) -> None:
        """End all who are in *job*, nested ones too, with this exit code. It goes on when this returns."""

    def accounting(self, job: Handle) -> Accounting:
        """What *job* has used, and how many are in it."""
        ...

    def members(self, job: Handle) -> list[int]:
        """The pids of those who are in *job*, nested ones too."""
        ...

    def is_in_job(self, process: Handle, job: Handle) -> bool:
        """Whether *process* is in *job*."""
        ...

    # processes

    def create_process(self, program: Program) -> Created:
        """Create a process in its jobs, as the root of a console process group of its own; nothing of it runs yet."""
        ...

    def resume_thread(self, thread: Handle) -> None:
        """Let *thread* run."""

    def open_process(self, pid: int) -> Handle:
        """A handle of *pid*, to suspend it and to ask for its jobs: whoever has that number now."""
        ...

    def suspend_process(self, process: Handle) -> None:
        """Hold all its threads; they are counted, so it takes as many calls to resume it."""

    def resume_process(self, process: Handle) -> None:
        """Undo one `suspend_process`."""

    def terminate_process(self, process: Handle, code: int) -> None:
        """End it alone, with this exit code."""

    def has_ended(self, process: Handle) -> bool:
        """Whether it has ended, wholly: then it has its exit code."""
        ...

    def exit_code(self, process: Handle) -> int:
        """Its exit code, as an unsigned number; it must have ended."""
        ...

    def peak_memory(self, process: Handle) -> int:
        """The most resident memory that it ever had, in bytes; also when it has ended."""
        ...

    def measure(self, pid: int) -> Measure | None:
        """What *pid* uses; `None`: it is gone, or not ours to look at. Slow: for a thread."""
        ...

    # the console

    def has_console(self) -> bool:
        """Whether we have one, which children can share."""
        ...

    def send_break(self, group: int) -> None:
        """Send Ctrl-Break to a console process group: the pid of its root, which must not have ended."""

    # handles, pipes, files

    def close(self, handle: Handle) -> None:
        """Give back *handle*."""

    def make_pipe(self, ours: Literal["read", "write"]) -> tuple[Handle, Handle]:
        """A pipe: our end, for overlapped operations, and the other one, which may be inherited."""
        ...

    def waiting(self, pipe: Handle) -> int:
        """How many bytes can be read from *pipe* at once.

        Raises:
            OSError: it is at its end.
        """
        ...

    def open_null(self, access: Literal["read", "write"]) -> Handle:
        """`NUL`, which may be inherited."""
        ...

    def is_file(self, path: str) -> bool:
        """Whether there is a file at *path*."""
        ...

    def is_directory(self, path: str) -> bool:
        """Whether there is a directory at *path*."""
        ...

    # the completion port

    def create_port(self) -> Handle:
        """A new completion port."""
        ...

    def post_message(self, port: Handle, message: Message) -> None:
        """Put *message* into *port*, behind all that is there."""

    def take_message(self, port: Handle) -> Message:
        """Wait for the next message: for a thread of its own."""
        ...


class Port(Protocol):
    """A completion port that somebody reads."""

    @property
    def handle(self) -> Handle:
        """What jobs send their messages to."""
        ...

    def end(self) -> None:
        """Read no more of it, and give it back, soon."""

    async def close(self) -> None:
        """The same, and wait for it. Bounded."""


class System(Protocol):
    """Windows, as a launcher needs it."""

    @property
    def kernel(self) -> Kernel:
        """What does not wait."""
        ...

    def open_port(self, hear: Callable[[int, int], None]) -> Port:
        """A completion port for jobs.

        Args:
            hear: called on trio's thread, with the key of a job and the pid of who has ended in it; 0: it is empty.
        """
        ...

    def own_pipe(self, handle: Handle) -> None:
        """Make our end of a pipe ready for `read` and `write`; once."""

    async def read(self, handle: Handle, size: int) -> bytes:
        """What comes next, at most *size* bytes; nothing at its end. Cancelling it loses nothing."""
        ...

    async def write(self, handle: Handle, data: bytes) -> int:
        """Write *data*; return how much of it. Cancelling leaves it half written.

        Raises:
            OSError: nobody holds the other end any more.
        """
        ...


def number_of(error: BaseException) -> int:
    """The number that Windows gave an error; 0: none, it is another kind of error."""
    number = getattr(error, "winerror", None)  # no attribute of OSError on other systems
    return number if isinstance(number, int) else 0
