"""The guardian for a machine without a compiler: `python -I -S guardian.py CONTROL EVENTS LIFE SUPERVISOR`.

What it does, and why, is told at the head of `guardian.c`, which it follows function by function; the protocol is in
`wire.py`. It imports the standard library only, and little of that: each shim is a fork of the nest, and shares what
neither of them writes to. Here the main process is forked, not vforked, and says by a pipe whether its exec succeeded.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import ctypes
import errno
import fcntl
import gc
import os
import resource
import select
import signal
import socket
import struct
import termios
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

VERSION = 1
START, SIGNAL, KILL, DESTROY = range(1, 5)
HELLO, LAUNCHED, FAILED, EXITED, GONE, OUT_OF_REACH, STUCK, LOST, REFUSED = range(1, 10)
NO_NEW_PRIVS, STRINGS_IN_MEMFD, TELL_LISTEN_PID, SET_UMASK, SET_NICE = 1, 2, 4, 8, 16
SET_USER, SET_GROUP, SET_GROUPS, SET_IO_PRIORITY, TERMINAL, NAMESPACE, CGROUP = 32, 64, 128, 256, 512, 1024, 2048
AT_REQUEST, AT_DESCRIPTORS, AT_FORK, AT_PRIVILEGES, AT_NICE, AT_DIRECTORY, AT_EXEC = range(1, 8)
AT_RLIMIT, AT_IO_PRIORITY, AT_AFFINITY, AT_GROUPS, AT_GROUP, AT_USER, AT_TERMINAL, AT_CGROUP, AT_NAMESPACE = range(
    8, 17
)
TO_MAIN, TO_GROUP, TO_TREE = range(3)
AND_CONTINUE = 4
HAS_CHILDREN_FILE, HAS_PIDFD, WAS_STOPPED, LEFT_SOME = 1, 2, 4, 8
FOR_EVER = 0xFFFFFFFF

HEAD, START_BODY, ORDER = struct.Struct("<HHIQ"), struct.Struct("<8IIiQ"), struct.Struct("<II")
SETTINGS, RLIMIT = struct.Struct("<6I"), struct.Struct("<I4xQQ")
RECORD, VERDICT, NEWS = struct.Struct("<HHIQiiiIII9Q16x"), struct.Struct("<iii"), struct.Struct("<IiiI28xi80x")
NO_USAGE = (0,) * 9

SIGNAL_ORDER, END_TREE = 40, 0
PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 15, 36, 38
AT_ONCE, ATOMIC, EVENTS_SIZE, BUFFER, MOST_FDS = 2048, 8 * RECORD.size, 1 << 20, 1 << 17, 253
FIRST_PAUSE, LAST_PAUSE, SLOW_PAUSE, PATIENCE, NEST_STUCK = 0.001, 0.05, 1.0, 0.5, 5.0  # seconds
SWEEP = 0.05  # seconds after a death, until all who died are looked for
QUIET = 0.005  # without a start, until a shim is made in store
INIT_BLOWS, MOST_STRAYS, SIGNALS_AT_ONCE = 12, 255, 64
CLONE_NEWUSER, CLONE_NEWPID = 0x10000000, 0x20000000
DELAY_BEFORE_EXEC = 0.0
"""Tests widen the window between fork and exec."""

SLOW_INIT = False
"""The same, until an init has asked for a signal at its shim's death."""

NO_SPARE = False
NO_PIDFD = False
NO_CHILDREN_FILE = False
"""Tests see to it that we can do without: as in a burst of starts, and on older kernels."""

CLOSE_RANGE = 436  # on every machine
IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "ppc64le": 273, "s390x": 282, "armv7l": 314, "i686": 289}

libc = ctypes.CDLL(None, use_errno=True)


def open_pidfd(pid: int) -> int:
    """Or -1: there are none here.

    Raises:
        ProcessLookupError: nobody has this number.
    """
    try:
        return -1 if NO_PIDFD else os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except OSError:
        return -1


def prctl(option: int, value: int | bytes) -> None:
    if libc.prctl(option, ctypes.c_char_p(value) if isinstance(value, bytes) else ctypes.c_ulong(value), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def queue_order(pid: int, value: int) -> int:
    """0, or an errno."""
    return ctypes.get_errno() if libc.sigqueue(pid, SIGNAL_ORDER, ctypes.c_void_p(value)) else 0


def try_kill(pid: int, number: int) -> bool:
    """Whether it was allowed."""
    try:
        os.kill(pid, number)
    except OSError as error:
        return error.errno != errno.EPERM
    return True


def close_from(first: int, *, but: tuple[int, ...] = ()) -> None:
    """Close all descriptors from *first* on.

    `os.closerange` would try every number where this Python was built for an older system.
    """
    for fd in sorted(but):
        close_between(first, fd - 1)
        first = fd + 1
    close_between(first, (1 << 31) - 1)


def close_between(first: int, last: int) -> None:
    numbers = (ctypes.c_long(number) for number in (CLOSE_RANGE, first, last, 0))
    if first <= last and libc.syscall(*numbers):
        with suppress(OSError):
            for fd in map(int, os.listdir("/proc/self/fd")):
                if first <= fd <= last:
                    os.set_inheritable(fd, False)  # that of the listing itself is closed by now: an error


def write_file_at(directory: int, name: str, text: bytes) -> None:
    fd = os.open(name, os.O_WRONLY, dir_fd=directory)
    try:
        os.write(fd, text)
    finally:
        os.close(fd)


def read_file(path: str) -> bytes:
    """What it says, or nothing. Bytes: to decode them, Python would load a module, which may be gone by then."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        return b""


def read_signals(signals: int) -> Iterator[tuple[int, int, int, int, int]]:
    """What is pending, and not what comes meanwhile: a tree may have more deaths in a row than can be read."""
    data = full = bytes(SIGNALS_AT_ONCE * NEWS.size)
    while len(data) == len(full):
        try:
            data = os.read(signals, len(full))
        except BlockingIOError:
            return
        yield from NEWS.iter_unpack(data)


def usage_of(used: resource.struct_rusage) -> tuple[int, ...]:
    times = (round(used.ru_utime * 1e6), round(used.ru_stime * 1e6))
    faults = (used.ru_maxrss, used.ru_minflt, used.ru_majflt)
    return (*times, *faults, used.ru_inblock, used.ru_oublock, used.ru_nvcsw, used.ru_nivcsw)


class Guardian:
    """What nest and shims have in common. A shim takes over what the nest was, when it is forked."""

    def __init__(self, control: int, events: int, life: int, supervisor: int) -> None:
        self.control, self.events, self.life = control, events, life
        self.supervisor, self.nest = supervisor, os.getpid()
        self.signals = self.supervisor_fd = self.nest_fd = -1
        self.parent = supervisor
        self.is_own_proc = self.has_children_file = False
        self.listings = 0
        self.outbox = b""
        self.is_over = False

    def tell(self, kind: int, child: int, usage: tuple[int, ...] = NO_USAGE, **facts: int) -> None:
        names = ("pid", "shim", "status", "stage", "count")
        values = [facts.get(name, 0) for name in names]
        self.outbox += RECORD.pack(VERSION, kind, facts.get("flags", 0), child, *values, 0, *usage)

    def flush(self) -> None:
        """Tell what there is room for; what nobody reads any more is told."""
        try:
            while self.outbox:
                self.outbox = self.outbox[os.write(self.events, self.outbox[:ATOMIC]) :]
        except BlockingIOError:
            pass
        except OSError:
            self.outbox = b""

    def wait(self, seconds: float | None, *others: int) -> set[int]:
        """Sleep until there is something to do. Returns who of the *others* has something."""
        poll = select.poll()
        watched = [self.supervisor_fd] if self.parent == self.supervisor else [self.supervisor_fd, self.nest_fd]
        if self.is_over:  # what has ended stays ready for ever, and must not keep us awake
            watched.clear()
        else:
            poll.register(self.life, 0)
        for fd in (self.signals, *watched, *others):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        if self.outbox:
            poll.register(self.events, select.POLLOUT)
        ready = {fd for fd, _ in poll.poll(None if seconds is None else seconds * 1000)}
        self.is_over = self.is_over or bool(ready & {self.life, *watched}) or os.getppid() != self.parent
        return ready

    def finish(self) -> None:
        """Wait for room for what is left to tell, but not for the dead."""
        self.flush()
        while self.outbox and not self.is_over:
            self.wait(None)
            self.news()
            self.flush()

    def news(self) -> list[tuple[int, int]]:
        """Orders from the nest, as signal and value."""
        orders: list[tuple[int, int]] = []
        for number, _, _, sender, value in read_signals(self.signals):
            if sender == self.nest and number in {SIGNAL_ORDER, signal.SIGUSR1}:
                orders.append((number, value))
            elif number == signal.SIGCHLD:
                self.hear_of_death(sender)
        return orders

    def hear_of_death(self, pid: int) -> None:
        """A child has died, or was stopped."""

    def children(self) -> Iterator[int]:
        """One's own. Nobody is reaped meanwhile, so each number is still his."""
        if self.has_children_file:
            yield from map(int, read_file("/proc/thread-self/children").split())
        else:
            yield from filter(is_child, self.candidates())

    def candidates(self) -> Iterable[int]:
        """Numbers that a child may have. /proc is quick to list and may hide somebody, so at times all are tried."""
        self.listings += 1
        if self.is_own_proc and self.listings % 8:
            return [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return range(1, int(read_file("/proc/sys/kernel/pid_max") or 1 << 22) + 1)

    def kill_children(self, is_spared: Callable[[int], object]) -> tuple[int, int, int]:
        """How many there were, how many may not be killed, and one of those."""
        found = refused = last = 0
        for pid in self.children():  # each at once: who forks and ends without pause is somebody else a moment later
            if not is_spared(pid):
                found += 1
                if not try_kill(pid, signal.SIGKILL):
                    refused, last = refused + 1, pid
        return found, refused, last


def is_child(pid: int) -> bool:
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


# -- a whole tree: best effort, for polite signals ---------------------------------------------------------------------


def facts_of(pid: int) -> tuple[int, int, int] | None:
    """Parent, group, start time."""
    fields = read_file(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return (int(fields[1]), int(fields[2]), int(fields[19])) if fields else None


def signal_descendants(number: int, only_group: int = 0) -> None:
    """Send it to all descendants (of one group), again until nobody new is found."""
    own = facts_of(os.getpid())
    known = {os.getpid(): own[2] if own else 0}
    before = 0
    while before < len(known):
        before = len(known)
        for parent in list(known):
            visit_children(parent, known, number, only_group)


def visit_children(parent: int, known: dict[int, int], number: int, only_group: int) -> None:
    try:
        threads = os.listdir(f"/proc/{parent}/task")
    except OSError:
        return
    for thread in threads:
        for pid in map(int, read_file(f"/proc/{parent}/task/{thread}/children").split()):
            if pid not in known:
                visit(pid, parent, known, number, only_group)


def visit(pid: int, parent: int, known: dict[int, int], number: int, only_group: int) -> None:
    """Hold it by a pidfd, and only then look whether it is ours."""
    try:
        pidfd = open_pidfd(pid)
    except ProcessLookupError:
        return
    facts, parents = facts_of(pid), facts_of(parent)
    if facts and facts[0] == parent and parents and parents[2] == known[parent]:
        known[pid] = facts[2]
        if only_group in {0, facts[1]}:
            send_through(pidfd, pid, number)
    if pidfd >= 0:
        os.close(pidfd)


def send_through(pidfd: int, pid: int, number: int) -> None:
    with suppress(OSError):
        if pidfd >= 0:
            signal.pidfd_send_signal(pidfd, number)
        else:
            os.kill(pid, number)


# -- the start of a child ----------------------------------------------------------------------------------------------


class Settings:
    """What stands between a start and its strings, if anything does.

    Raises:
        struct.error: it is damaged.
    """

    def __init__(self, data: bytes) -> None:
        data = data or bytes(SETTINGS.size)
        self.user, self.group, self.io_priority, rlimits, cpus, groups = SETTINGS.unpack_from(data)
        at = SETTINGS.size
        self.rlimits = [RLIMIT.unpack_from(data, at + i * RLIMIT.size) for i in range(rlimits)]
        at += rlimits * RLIMIT.size
        bits = b"".join(struct.unpack_from(f"{8 * cpus}s", data, at))
        self.cpus = [i for i in range(64 * cpus) if bits[i // 8] >> i % 8 & 1]
        self.groups = struct.unpack_from(f"<{groups}I", data, at + 8 * cpus)


class Start:
    """What was asked for.

    Raises:
        ValueError, struct.error: it is damaged.
        OSError: its memory file cannot be read.
    """

    def __init__(self, message: bytes, fds: list[int]) -> None:
        _, _, length, self.id = HEAD.unpack_from(message)
        values = START_BODY.unpack_from(message, HEAD.size)
        fixed, self.flags, self.linger_ms, self.stuck_ms, n_fds, *counts = values[:8]
        self.umask, self.nice, size = values[8:]
        strings, self.fds = message[fixed:], fds
        if self.flags & STRINGS_IN_MEMFD and fds:
            strings, self.fds = os.pread(fds[-1], size, 0), fds[:-1]
        self.cgroup = -1
        if self.flags & CGROUP:
            *self.fds, self.cgroup = self.fds  # a ValueError if it is missing
        words = strings.split(b"\0")
        if length != len(message) or len(strings) != size or len(words) != sum(counts) + 2 or len(self.fds) != n_fds:
            raise ValueError("damaged")
        candidates, arguments, variables = counts
        self.directory = words[0]
        self.candidates = words[1 : 1 + candidates]
        self.arguments = words[1 + candidates : 1 + candidates + arguments]
        self.variables = words[1 + candidates + arguments : 1 + candidates + arguments + variables]
        self.settings = Settings(message[HEAD.size + START_BODY.size : fixed])

    def environment(self) -> dict[bytes, bytes]:
        variables = (variable.partition(b"=") for variable in self.variables)
        environment = {name: value for name, is_there, value in variables if is_there}
        if self.flags & TELL_LISTEN_PID:
            environment[b"LISTEN_PID"] = b"%d" % os.getpid()
        return environment


class RefusedError(Exception):
    """The kernel, or something before it, refuses what is needed for the main process."""

    def __init__(self, stage: int, why: int, candidate: int = 0) -> None:
        super().__init__(stage, why, candidate)


def must(stage: int, action: Callable[..., object], *arguments: object, which: int = 0) -> None:
    """Do it.

    Raises:
        RefusedError: that failed.
    """
    try:
        action(*arguments)
    except OSError as error:
        raise RefusedError(stage, error.errno or errno.EINVAL, which) from None
    except (ValueError, OverflowError):
        raise RefusedError(stage, errno.EINVAL, which) from None


class Letter:
    """A message, and the descriptors that came with it."""

    def __init__(self, message: bytes, fds: list[int], flags: int) -> None:
        self.message, self.fds, self.flags = message, fds, flags

    @property
    def child(self) -> int:
        number: int = HEAD.unpack_from(self.message)[3]
        return number

    def start(self) -> Start:
        """What it asks for.

        Raises:
            RefusedError: it is damaged, not all descriptors have arrived, or its memory file cannot be read.
        """
        if self.flags & socket.MSG_CTRUNC:
            raise RefusedError(AT_DESCRIPTORS, errno.EMFILE)  # our table is full
        try:
            return Start(self.message, self.fds)
        except OSError as error:
            raise RefusedError(AT_DESCRIPTORS, error.errno or errno.EINVAL) from None
        except (ValueError, struct.error):
            raise RefusedError(AT_REQUEST, errno.EINVAL) from None

    def send(self, to: socket.socket) -> None:
        fds = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(self.fds)}i", *self.fds))]
        to.sendmsg([self.message], fds if self.fds else [], socket.MSG_NOSIGNAL)


def receive(sender: socket.socket) -> Letter | None:
    """The next one; `None`: there will be none any more.

    Raises:
        BlockingIOError: there is none now.
    """
    try:
        message, fds, flags, _ = socket.recv_fds(sender, BUFFER, MOST_FDS)
    except BlockingIOError:
        raise
    except OSError:
        return None
    return Letter(message, fds, flags) if message else None


def wait_for_letter(shim: Shim, theirs: socket.socket, ours: socket.socket) -> Letter | None:
    """What a spare does until it is needed."""
    theirs.close()
    with suppress(OSError):
        shim.make_blank()
    prctl(PR_SET_NAME, b"regrow-spare")
    with ours:
        return receive(ours)


def become_main(shim: int, sender: socket.socket, *, is_inside: bool) -> None:
    """The main process, from its first instruction to its program. Returns only if there is none: it has said why."""
    refused: tuple[object, ...] = (AT_FORK, errno.ECHILD, 0)
    verdict = sender.fileno()
    try:
        die_with(shim, is_inside=is_inside)
        prctl(PR_SET_NAME, b"regrow-blank")
        os.setsid()
        letter = receive(sender)
        if letter is None:
            return
        start = letter.start()
        if start.cgroup >= 0:
            must(AT_CGROUP, write_file_at, start.cgroup, "cgroup.procs", b"0")
        verdict = arrange(start, verdict)
        limit(start)
        become_user(start, shim)
        enter(start)
        execute(start)
    except RefusedError as error:
        refused = error.args
    except Exception as error:  # noqa: BLE001  it must be told in any case; its own limit may leave us no memory
        refused = (AT_EXEC, errno.ENOMEM if isinstance(error, MemoryError) else errno.EINVAL, 0)
    os.write(verdict, VERDICT.pack(*refused))


def die_with(shim: int, *, is_inside: bool) -> None:
    """Also when the kernel has forgotten it, because one has become somebody else."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != shim and not is_inside:  # inside a namespace, our parent has no number; see `Init`
        os._exit(127)  # it died before we asked


def limit(start: Start) -> None:
    """What may need privileges, and so comes before they are given away."""
    wanted, flags = start.settings, start.flags
    for number, (kind, soft, hard) in enumerate(wanted.rlimits):
        must(AT_RLIMIT, set_limit, kind, soft, hard, which=number)
    if flags & SET_UMASK:
        os.umask(start.umask)
    if flags & SET_NICE:
        must(AT_NICE, os.setpriority, os.PRIO_PROCESS, 0, start.nice)
    if flags & SET_IO_PRIORITY:
        must(AT_IO_PRIORITY, set_io_priority, wanted.io_priority)
    if wanted.cpus:
        must(AT_AFFINITY, os.sched_setaffinity, 0, wanted.cpus)


def set_limit(kind: int, soft: int, hard: int) -> None:
    """As `resource.setrlimit`, which knows only signed numbers, and says "not allowed" as it says "nonsense"."""
    resource.getrlimit(kind)
    if soft > hard:
        raise OSError(errno.EINVAL, "setrlimit")
    soft, hard = (resource.RLIM_INFINITY if value >> 63 else value for value in (soft, hard))
    try:
        resource.setrlimit(kind, (soft, hard))
    except ValueError:
        raise OSError(errno.EPERM, "setrlimit") from None


def set_io_priority(value: int) -> None:
    number = IOPRIO_SET.get(os.uname().machine)
    if number is None:  # no library has a function for it
        raise OSError(errno.ENOSYS, "ioprio_set")
    if libc.syscall(ctypes.c_long(number), ctypes.c_long(1), ctypes.c_long(0), ctypes.c_long(value)):
        raise OSError(ctypes.get_errno(), "ioprio_set")


def become_user(start: Start, shim: int) -> None:
    """Groups first: who is no longer root cannot change them."""
    wanted, flags = start.settings, start.flags
    if flags & SET_GROUPS:
        must(AT_GROUPS, os.setgroups, wanted.groups)
    if flags & SET_GROUP:
        must(AT_GROUP, os.setresgid, wanted.group, wanted.group, wanted.group)
    if flags & SET_USER:
        must(AT_USER, os.setresuid, wanted.user, wanted.user, wanted.user)
    if flags & (SET_USER | SET_GROUP):
        die_with(shim, is_inside=bool(start.flags & NAMESPACE))


def enter(start: Start) -> None:
    """What is done as the user that the program will run as."""
    if start.flags & NO_NEW_PRIVS:
        must(AT_PRIVILEGES, prctl, PR_SET_NO_NEW_PRIVS, 1)
    if start.directory:
        must(AT_DIRECTORY, os.chdir, start.directory)


def arrange(start: Start, verdict: int) -> int:
    """Descriptor i of the request becomes the number i, and nothing else stays open but where to say what fails."""
    if start.flags & TERMINAL:
        must(AT_TERMINAL, take_terminal, start.fds)
    count = max(len(start.fds), 3)
    verdict = fcntl.fcntl(verdict, fcntl.F_DUPFD_CLOEXEC, count + 1)
    must(AT_DESCRIPTORS, move, start.fds, count + 1)
    os.dup2(verdict, count, inheritable=False)
    close_from(count + 1)
    return count


def take_terminal(fds: list[int]) -> None:
    if not fds:
        raise OSError(errno.ENOTTY, "no descriptor")
    fcntl.ioctl(fds[0], termios.TIOCSCTTY, 0)


def move(fds: list[int], above: int) -> None:
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above) for fd in fds]  # first out of each other's way
    for number, fd in enumerate(moved):
        is_place = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_PATH  # it leaves its number free
        os.dup2(fd, number, inheritable=not is_place)


def execute(start: Start) -> None:
    """As execvp: what is not there, or not allowed, leads on to the next; EACCES is what it says if there was one."""
    if DELAY_BEFORE_EXEC:
        time.sleep(DELAY_BEFORE_EXEC)
    environment = start.environment()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    why, which = errno.ENOENT, 0
    for number, program in enumerate(start.candidates):
        try:
            os.execve(program, start.arguments, environment)
        except OSError as error:
            now = error.errno or errno.EINVAL
        if why != errno.EACCES or now not in {errno.ENOENT, errno.ENOTDIR}:
            why, which = now, number
        if now not in {errno.ENOENT, errno.ENOTDIR, errno.EACCES}:
            break
    raise RefusedError(AT_EXEC, why, which)


# -- a pid namespace ---------------------------------------------------------------------------------------------------


class Init:
    """The first process of a namespace. It reaps whom nobody else does, and when it dies, the kernel ends the others.

    The shim gives it orders by signals, which come from outside: by a sender without a number.
    """

    def __init__(self, signals: int, leash: int) -> None:
        self.signals, self.leash = signals, leash  # the end of the leash is the shim's
        self.is_released = self.is_ending = False
        self.strays = 0

    def run(self) -> None:
        poll = select.poll()
        poll.register(self.signals, select.POLLIN)
        poll.register(self.leash, 0)
        more = False
        while not any(fd == self.leash for fd, _ in poll.poll(0 if more else None)):
            self.obey()
            if self.is_ending:
                kill_everybody(signal.SIGKILL)
            try:
                more = all(self.reap_one() for _ in range(AT_ONCE))
            except ChildProcessError:
                more = False
                if self.is_released:
                    os._exit(min(self.strays, MOST_STRAYS))

    def obey(self) -> None:
        for number, _, _, sender, value in read_signals(self.signals):
            if sender:  # from inside
                continue
            self.is_released |= number == signal.SIGUSR1
            self.is_ending |= number == SIGNAL_ORDER and value == END_TREE
            if number == SIGNAL_ORDER and value != END_TREE:
                kill_everybody(value)

    def reap_one(self) -> bool:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid and status & 0x7F == signal.SIGKILL:
            self.obey()  # the order to end all comes before the blow, and may not be read yet
            self.strays += self.is_ending
        return pid != 0


def kill_everybody(number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(-1, number)


def enter_namespace() -> None:
    """Whatever is forked from now on lives in a new one; the first is its init.

    Raises:
        OSError: that is not allowed.
    """
    if not libc.unshare(CLONE_NEWPID):
        return
    user, group = os.geteuid(), os.getegid()
    if ctypes.get_errno() != errno.EPERM or libc.unshare(CLONE_NEWUSER | CLONE_NEWPID):
        raise OSError(ctypes.get_errno(), "unshare")
    proc = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY)
    with suppress(OSError):
        write_file_at(proc, "setgroups", b"deny")  # else no group may be mapped, from Linux 3.19 on
    write_file_at(proc, "uid_map", b"%d %d 1" % (user, user))
    write_file_at(proc, "gid_map", b"%d %d 1" % (group, group))
    os.close(proc)


# -- the shim ----------------------------------------------------------------------------------------------------------

RUNNING, LINGERING, ENDING, EMPTY = range(4)


class Shim(Guardian):
    """Guards one tree until it is gone."""

    def __init__(self, nest: Nest) -> None:  # the nest's descriptors are inherited, so are its facts
        self.__dict__.update(nest.common())
        self.parent, self.pid = self.nest, os.getpid()
        self.cgroup = -1
        self.leash = -1  # whoever holds its other end sees ours close
        self.main = self.init = self.status = self.strays = self.blows = 0
        self.phase = RUNNING
        self.main_is_reaped = self.was_stopped = self.told_out_of_reach = self.told_stuck = False
        self.linger_until = self.stuck_at = 0.0
        self.pause = FIRST_PAUSE
        self.last = (0, 0, 0)
        prctl(PR_SET_PDEATHSIG, signal.SIGCONT)
        if os.getppid() != self.nest:
            os._exit(0)  # nothing was started yet
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        os.setpgid(0, 0)
        os.close(self.control)

    def run(self, letter: Letter) -> None:
        self.id = letter.child
        try:
            self.launch(letter)
        except RefusedError as refused:
            stage, why, which = refused.args
            self.tell(FAILED, self.id, shim=self.pid, stage=stage, status=why, count=which)
        else:
            self.tell(LAUNCHED, self.id, pid=self.main, shim=self.pid)
            self.flush()
            self.guard()
        self.finish()

    def end_everything(self) -> None:
        """The last resort of a shim that has failed."""
        with suppress(ChildProcessError):
            while True:
                self.strike_cgroup()
                self.kill_children(lambda _: False)
                while os.waitpid(-1, os.WNOHANG)[0]:
                    continue
                time.sleep(FIRST_PAUSE)

    def strike_cgroup(self) -> None:
        """Reach also who became somebody whom we may not kill."""
        if self.cgroup >= 0:
            with suppress(OSError):
                write_file_at(self.cgroup, "cgroup.kill", b"1")

    def launch(self, letter: Letter) -> None:
        """Have a program run.

        Raises:
            RefusedError: there is none, and nothing is left of the attempt.
        """
        try:
            if START_BODY.unpack_from(letter.message.ljust(64), HEAD.size)[1] & NAMESPACE:
                must(AT_NAMESPACE, self.enter_namespace)
            must(AT_FORK, self.hand_over, letter)
            self.start = letter.start()
            self.cgroup = self.start.cgroup
            for fd in self.start.fds:
                os.close(fd)
            self.hear()
        except RefusedError:
            self.end_blank()
            self.end_init()
            raise

    def make_blank(self) -> None:
        """The main process in store: it waits for its program."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.main = os.fork()
            if self.main == 0:
                try:
                    close_from(3, but=(theirs.fileno(),))  # whoever writes to a dead shim is to notice it
                    become_main(self.pid, theirs, is_inside=self.init != 0)
                finally:
                    os._exit(127)
        self.to_main = ours

    def end_blank(self) -> None:
        if self.main:
            self.to_main.close()
            try_kill(self.main, signal.SIGKILL)
            os.waitpid(self.main, 0)
            self.main = 0

    def hand_over(self, letter: Letter) -> None:
        if self.main:
            try:
                letter.send(self.to_main)
                return
            except OSError:  # somebody has killed it
                self.end_blank()
        self.make_blank()
        letter.send(self.to_main)

    def hear(self) -> None:
        """Whether the exec succeeded: then its end of the socket is closed.

        Raises:
            RefusedError: it did not.
        """
        verdict = self.to_main.fileno()
        while verdict not in self.wait(None, verdict) and not self.is_over:
            self.take_orders()
        said = b""
        with suppress(ConnectionResetError):  # it was killed before it had read its letter: it is launched, and ends
            said = b"" if self.is_over else self.to_main.recv(VERDICT.size)
        self.to_main.close()
        if said:
            raise RefusedError(*VERDICT.unpack(said))
        del self.start.arguments, self.start.variables

    def enter_namespace(self) -> None:
        self.end_blank()
        enter_namespace()
        self.init = self.fork_init()

    def fork_init(self) -> int:
        """The main process has a copy of the leash until its exec: so late the init may see the shim's end."""
        leash, self.leash = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                close_from(3, but=(self.signals, leash))
                time.sleep(0.3 * SLOW_INIT)
                prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                prctl(PR_SET_NAME, b"regrow-init")
                Init(self.signals, leash).run()
            finally:
                os._exit(0)  # the kernel kills the others
        os.close(leash)
        return pid

    def end_init(self) -> None:
        if self.init:
            try_kill(self.init, signal.SIGKILL)
            os.waitpid(self.init, 0)
            self.init = 0

    def guard(self) -> None:
        more = True  # it may have ended already
        while True:
            self.wait(self.time_to_wait(more=more))
            if self.is_over:
                self.end_tree()
            self.take_orders()
            more = self.reap()
            if self.phase == EMPTY or self.is_hopeless():
                break
            if self.phase == LINGERING and time.monotonic() >= self.linger_until:
                self.end_tree()
            if self.phase == ENDING:
                self.strike()
            self.flush()
        flags = WAS_STOPPED * self.was_stopped | LEFT_SOME * (self.phase != EMPTY)
        usage = usage_of(resource.getrusage(resource.RUSAGE_CHILDREN))
        facts = {"pid": self.main, "shim": self.pid, "status": self.status, "count": self.strays}
        self.tell(GONE, self.id, usage, flags=flags, **facts)

    def take_orders(self) -> None:
        for number, value in self.news():
            if number == signal.SIGUSR1 or value == END_TREE:
                self.was_stopped = True
                self.end_tree()
            else:
                self.pass_on(value & 0xFF, value >> 8)

    def pass_on(self, number: int, to: int) -> None:
        if to == TO_TREE and self.init:
            queue_order(self.init, number)
        elif to & AND_CONTINUE:  # one that is stopped does not hear it before it goes on
            self.pass_on(number, to & ~AND_CONTINUE)
            self.pass_on(signal.SIGCONT, to & ~AND_CONTINUE)
        elif to == TO_TREE:
            signal_descendants(number)
        elif self.main_is_reaped and to == TO_GROUP:
            signal_descendants(number, self.main)
        elif not self.main_is_reaped:
            try_kill(self.main if to == TO_MAIN else -self.main, number)

    def end_tree(self) -> None:
        if self.phase >= ENDING:
            return
        self.phase = ENDING
        self.blows = int(self.main_is_reaped)
        self.stuck_at = time.monotonic() + self.start.stuck_ms / 1000
        if self.init and (self.is_over or queue_order(self.init, END_TREE)):
            try_kill(self.init, signal.SIGKILL)
        if not self.main_is_reaped:  # until then the number is its group's
            try_kill(-self.main, signal.SIGKILL)
            try_kill(self.main, signal.SIGKILL)
        self.strike_cgroup()

    def after_main(self) -> None:
        if self.phase != RUNNING:
            return
        if not self.start.linger_ms:
            self.end_tree()
            return
        self.phase = LINGERING
        is_kept = self.start.linger_ms == FOR_EVER
        self.linger_until = float("inf") if is_kept else time.monotonic() + self.start.linger_ms / 1000

    def reap(self) -> bool:
        """Returns whether there may be more to reap."""
        try:
            return all(self.reap_one() for _ in range(AT_ONCE))
        except ChildProcessError:
            self.phase = EMPTY
            return False

    def reap_one(self) -> bool:
        dead = -1
        if not self.main_is_reaped:  # its group has to be killed before it is reaped
            look = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if look is None:
                return False
            dead = look.si_pid
            if dead == self.main:
                self.after_main()
        pid, status, used = os.wait4(dead, os.WNOHANG)
        if pid == self.main and not self.main_is_reaped:
            self.main_is_reaped, self.status = True, status
            facts = {"pid": pid, "shim": self.pid, "status": status, "flags": WAS_STOPPED * self.was_stopped}
            self.tell(EXITED, self.id, usage_of(used), **facts)
            if self.init:
                try_kill(self.init, signal.SIGUSR1)
        elif pid and pid == self.init:
            self.init = 0
            self.strays += status >> 8
        elif pid and self.phase == ENDING and status & 0x7F == signal.SIGKILL:
            self.strays += 1
        return pid != 0

    def strike(self) -> None:
        self.blows += 1
        if self.blows == 1:  # the group's death is often all it takes
            return
        self.strike_cgroup()
        self.last = found, refused, pid = self.kill_children(self.is_to_count)
        if refused:
            signal_descendants(signal.SIGKILL)  # below what we may not kill there may be somebody whom we may
            if refused == found and not self.told_out_of_reach and self.blows > 8:
                self.tell(OUT_OF_REACH, self.id, pid=pid, shim=self.pid, count=refused)
                self.told_out_of_reach = True
        if time.monotonic() >= self.stuck_at and not self.told_stuck:
            self.tell(STUCK, self.id, pid=pid, shim=self.pid, count=found)
            self.told_stuck = True

    def is_to_count(self, pid: int) -> bool:
        """The init, which ends all by itself; if it does not, its death ends them."""
        return pid == self.init and self.blows < INIT_BLOWS and not self.is_over

    def is_hopeless(self) -> bool:
        """Without a supervisor, nobody waits for what we may not even kill."""
        found, refused, _ = self.last
        return self.is_over and self.told_stuck and found == refused > 0

    def time_to_wait(self, *, more: bool) -> float | None:
        if more:
            return 0
        if self.phase == LINGERING and self.linger_until < float("inf"):
            return max(0.0, self.linger_until - time.monotonic())
        if self.phase != ENDING:
            return None
        if self.told_stuck:
            return SLOW_PAUSE
        pause, self.pause = self.pause, min(2 * self.pause, LAST_PAUSE)
        return pause


# -- the nest ----------------------------------------------------------------------------------------------------------


class Nest(Guardian):
    """Makes shims, passes orders on to them, and ends what they leave when they are killed."""

    def __init__(self, control: int, events: int, life: int, supervisor: int) -> None:
        super().__init__(control, events, life, supervisor)
        self.socket = socket.socket(fileno=control)
        self.socket.setblocking(False)  # recv_fds of Python 3.11 forgets its flags
        self.ids: dict[int, int] = {}
        self.pids: dict[int, int] = {}
        self.spare, self.spare_at = 0, 0.0
        self.to_spare = self.socket
        self.lost: dict[int, bool] = {}  # of killed shims, whose children are not all ended yet; whether told as stuck
        self.is_ending = False
        self.impatient_at = self.stuck_at = float("inf")
        self.pause = FIRST_PAUSE
        self.sweep_at = float("inf")
        self.last = (0, 0, 0)

    def common(self) -> dict[str, object]:
        names = ("control", "events", "life", "supervisor", "nest", "signals", "supervisor_fd", "nest_fd")
        facts: dict[str, object] = {name: getattr(self, name) for name in names}
        about_proc = {"has_children_file": self.has_children_file, "is_own_proc": self.is_own_proc}
        return {**facts, **about_proc, "listings": 0, "outbox": b"", "is_over": False}

    def run(self) -> None:
        is_empty = more = False
        while not self.is_ending or not (is_empty or self.is_hopeless()):
            if not self.is_ending and time.monotonic() >= self.spare_at:
                self.make_spare()
            control = self.control if not self.outbox and not self.is_ending else -1
            ready = self.wait(self.time_to_wait(more=more), control)
            self.news()
            is_closed = control in ready and not self.is_over and not self.take_requests()
            if (self.is_over or is_closed) and not self.is_ending:
                self.begin_to_end()
            if self.is_over and time.monotonic() >= self.impatient_at:  # stopped, or caught in an exec
                for pid in self.pids:
                    try_kill(pid, signal.SIGKILL)
            if more or self.is_ending or self.lost or time.monotonic() >= self.sweep_at:
                is_empty, more = self.reap()
            if self.lost:
                self.end_leftovers()
            self.flush()
        self.finish()

    def take_requests(self) -> bool:
        """Some of them. Returns whether there may be more, ever."""
        for _ in range(64):
            try:
                letter = receive(self.socket)
            except BlockingIOError:
                return True
            if letter is None:
                return False
            self.answer_all(letter)
            for fd in letter.fds:
                os.close(fd)
            self.flush()
            if self.outbox:
                return True
        return True

    def answer_all(self, letter: Letter) -> None:
        """One start, or any number of orders, one behind the other."""
        message = letter.message
        while len(message) >= HEAD.size and not letter.flags & socket.MSG_TRUNC:
            version, kind, length, child = HEAD.unpack_from(message)
            size = len(message) if kind == START or length < HEAD.size else length
            if version != VERSION:
                self.tell(FAILED if kind == START else REFUSED, child, stage=AT_REQUEST, status=errno.EPROTO)
            elif kind == START:
                self.hatch(letter)
            else:
                self.forward(kind, child, message[HEAD.size : size])
            message = message[size:]

    def hatch(self, letter: Letter) -> None:
        try:
            pid = self.use_spare(letter) or self.fork_shim(lambda _: letter)
        except OSError as error:
            self.tell(FAILED, letter.child, stage=AT_FORK, status=error.errno or 0)
            return
        self.ids[letter.child] = pid
        self.pids[pid] = letter.child

    def fork_shim(self, find: Callable[[Shim], Letter | None]) -> int:
        pid = os.fork()
        if pid == 0:
            be_shim(self, find)
        return pid

    def make_spare(self) -> None:
        """A shim in store; without one, a start just takes longer."""
        self.spare_at = float("inf")
        if NO_SPARE:
            return
        with suppress(OSError):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self.spare = self.fork_shim(lambda shim: wait_for_letter(shim, ours, theirs))
            self.to_spare = ours
            self.to_spare.setblocking(False)

    def use_spare(self, letter: Letter) -> int:
        """Returns its pid, or 0: there is none."""
        pid = self.spare
        if pid:
            try:
                letter.send(self.to_spare)
            except OSError:  # without its socket, it ends
                pid = 0
            self.forget_spare()
        self.spare_at = time.monotonic() + QUIET  # what is started now needs the processors more
        return pid

    def forget_spare(self) -> None:
        self.spare = 0
        self.to_spare.close()

    def forward(self, kind: int, child: int, body: bytes) -> None:
        """To a shim that is ours and not reaped: its number cannot mean another."""
        pid = self.ids.get(child)
        if pid is None:
            return
        if kind == KILL:
            order_end(pid)
        elif kind == DESTROY:
            try_kill(pid, signal.SIGKILL)
        elif kind == SIGNAL:
            number, to = ORDER.unpack_from(body) if len(body) >= ORDER.size else (0, 0)
            is_sound = 0 < number <= 64 and to & ~AND_CONTINUE <= TO_TREE
            if why := queue_order(pid, number | to << 8) if is_sound else errno.EINVAL:
                self.tell(REFUSED, child, stage=AT_REQUEST, status=why)

    def begin_to_end(self) -> None:
        """Nobody may start any more: the supervisor is gone, or has closed the control socket."""
        self.is_ending = True
        self.impatient_at = self.stuck_at = time.monotonic() + PATIENCE
        self.socket.close()
        if self.spare:
            try_kill(self.spare, signal.SIGKILL)
            self.forget_spare()
        for pid in self.pids:
            order_end(pid)

    def hear_of_death(self, pid: int) -> None:
        """Who is named is reaped; others whose signal came at the same time are not named, but found in a sweep."""
        self.sweep_at = min(self.sweep_at, time.monotonic() + SWEEP)
        with suppress(ChildProcessError):
            dead, status = os.waitpid(pid, os.WNOHANG)
            if dead:
                self.bury(dead, status)

    def reap(self) -> tuple[bool, bool]:
        """Returns whether no child is left, and whether there may be more to reap."""
        self.sweep_at = float("inf")
        for _ in range(AT_ONCE):
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True, False
            if not pid:
                return False, False
            self.bury(pid, status)
        return False, True

    def bury(self, pid: int, status: int) -> None:
        if pid == self.spare:
            self.forget_spare()
            self.spare_at = time.monotonic() + QUIET
        child = self.pids.pop(pid, None)
        if child is not None:
            del self.ids[child]
            if status:  # it was killed, and has not told its end
                self.lose(child)

    def lose(self, child: int) -> None:
        if not self.lost:
            self.pause, self.stuck_at = FIRST_PAUSE, time.monotonic() + NEST_STUCK
        self.lost[child] = False

    def end_leftovers(self) -> None:
        """What a killed shim left falls to the nest. It is lost when all of that is ended, not before."""
        self.last = found, refused, pid = self.kill_children(lambda pid: pid in self.pids or pid == self.spare)
        if refused and self.is_over:
            signal_descendants(signal.SIGKILL)
        if not found:
            for child in self.lost:
                self.tell(LOST, child)
            self.lost.clear()
        elif time.monotonic() >= self.stuck_at:
            for child in [child for child, is_told in self.lost.items() if not is_told]:
                self.tell(STUCK, child, pid=pid, count=found)
                self.lost[child] = True

    def is_hopeless(self) -> bool:
        """Only the unreachable are left, and nobody waits for them."""
        found, refused, _ = self.last
        return self.is_over and not self.pids and time.monotonic() >= self.stuck_at and found == refused

    def time_to_wait(self, *, more: bool) -> float | None:
        if more:
            return 0
        if not self.lost and not self.is_over:
            then = min(self.spare_at, self.sweep_at)
            return max(0.0, then - time.monotonic()) if then < float("inf") else None
        pause, self.pause = self.pause, min(2 * self.pause, LAST_PAUSE)
        return SLOW_PAUSE if self.lost and time.monotonic() >= self.stuck_at else pause


def order_end(pid: int) -> None:
    try_kill(pid, signal.SIGCONT)  # somebody may have stopped it
    if queue_order(pid, END_TREE):
        try_kill(pid, signal.SIGUSR1)


def be_shim(nest: Nest, find: Callable[[Shim], Letter | None]) -> None:
    """Never returns. Whatever goes wrong, its tree is ended first."""
    shim: Shim | None = None
    code = 1
    try:
        shim = Shim(nest)
        if letter := find(shim):
            prctl(PR_SET_NAME, b"regrow-shim")
            shim.run(letter)
        code = 0
    finally:
        try:
            if code and shim is not None:
                shim.end_everything()
        finally:
            os._exit(code)


# -- the beginning -----------------------------------------------------------------------------------------------------


def block_signals() -> int:
    """Block them all, for ever, and set what Python or our parent ignored back to the default. Returns the signalfd."""
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    ours = (signal.SIGCHLD, signal.SIGCONT, signal.SIGUSR1, SIGNAL_ORDER)
    mask = struct.pack("=Q120x", sum(1 << (number - 1) for number in ours))
    fd: int = libc.signalfd(-1, mask, os.O_CLOEXEC | os.O_NONBLOCK)
    return fd


def take_over_descriptors(control: int, events: int, life: int) -> None:
    kept = (control, events, life)
    close_from(3, but=kept)
    for fd in kept:
        os.set_inheritable(fd, False)
    os.set_blocking(events, False)
    with suppress(OSError):
        fcntl.fcntl(events, fcntl.F_SETPIPE_SZ, EVENTS_SIZE)
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    os.close(null)


def is_own_proc() -> bool:
    """Whether there is a /proc, and it is of our pid namespace."""
    return os.path.islink("/proc/self") and os.readlink("/proc/self") == str(os.getpid())


def has_children_file() -> bool:
    return is_own_proc() and os.path.exists("/proc/thread-self/children") and not NO_CHILDREN_FILE


def be_nest(control: int, events: int, life: int, supervisor: int) -> None:
    take_over_descriptors(control, events, life)
    signals = block_signals()
    nest = Nest(control, events, life, supervisor)
    nest.signals = signals
    prctl(PR_SET_PDEATHSIG, signal.SIGCONT)
    with suppress(ProcessLookupError):
        nest.supervisor_fd = open_pidfd(supervisor)
    if os.getppid() != supervisor:  # it died, and the number may be another's by now
        return
    nest.nest_fd = open_pidfd(nest.nest)
    if nest.supervisor_fd >= 0 and nest.nest_fd >= 0:  # then SIGCONT has nothing to tell, and wakes only who is stopped
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCONT})
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_NAME, b"regrow-nest")
    nest.is_own_proc = is_own_proc()
    nest.has_children_file = has_children_file()
    nest.tell(HELLO, 0, pid=nest.nest, flags=nest.has_children_file | HAS_PIDFD * (nest.supervisor_fd >= 0))
    nest.flush()
    gc.collect()
    gc.freeze()
    gc.disable()
    nest.run()


def probe() -> None:
    """Say what there is on this machine; nobody is born in a cgroup here."""
    facts = {
        "pidfd": open_pidfd(os.getpid()) >= 0,
        "children-file": has_children_file(),
        "namespace": can_unshare(CLONE_NEWPID),
        "userns-namespace": can_unshare(CLONE_NEWUSER | CLONE_NEWPID),
    }
    os.write(1, " ".join(word for word, is_there in facts.items() if is_there).encode() + b"\n")


def can_unshare(what: int) -> bool:
    pid = os.fork()
    if pid == 0:
        os._exit(libc.unshare(what) and 1)
    return os.waitpid(pid, 0)[1] == 0


def main(arguments: list[str]) -> int:
    """Be a nest, or a probe; returns the exit code."""
    if arguments == ["--probe"]:
        probe()
    elif len(arguments) == 4:
        be_nest(*map(int, arguments))
    else:
        return 2
    return 0


if __name__ == "__main__":
    code = 1
    try:
        code = main(sys.argv[1:])
    finally:
        os._exit(code)  # without Python's farewell; if it failed, the shims see that, and end their trees
