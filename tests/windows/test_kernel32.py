"""What reaches Windows is what its headers say, byte by byte; what it answers is understood."""

import attrs
import pytest
from tests.windows import dll
from tests.windows.dll import INVALID_HANDLE, Dll, WindowsError, get, handles, put, text, texts

from regrow._edge.windows import numbers
from regrow._edge.windows.api import Handle, Limits, Message, Program, number_of
from regrow._edge.windows.functions import Functions
from regrow._edge.windows.kernel32 import Kernel32

# Wider than a DWORD, so that a type that is too narrow shows.
JOB, PORT, PROCESS, THREAD = (Handle(2**40 + number) for number in (0x10, 0x20, 0x30, 0x40))
BASIC_ACCOUNTING, PROCESS_IDS, ASSOCIATE, EXTENDED_LIMITS = 1, 3, 7, 9


@pytest.fixture
def windows():
    return Dll()


@pytest.fixture
def kernel(windows):
    return Kernel32(Functions(windows))


def answer(windows, name, call):
    """Have *call* answer the function *name*."""
    setattr(windows, name, call)


def note(seen, what, result=1):
    """Note *what* a function was told, and answer *result*."""
    seen.append(what)
    return result


def test_every_declared_function_is_used_and_no_other():
    found = Dll()
    functions = Functions(found)
    assert set(functions._found) == set(dll.declared())


# -- jobs --------------------------------------------------------------------------------------------------------------


def test_a_job_has_no_name_is_inherited_by_nobody_and_ends_with_its_last_handle(windows, kernel):
    seen = []
    answer(windows, "CreateJobObjectW", lambda security, name: note(seen, (security, name), JOB))
    answer(windows, "SetInformationJobObject", lambda *given: note(seen, limits_at(*given)))
    assert kernel.create_job() == JOB
    assert seen == [(0, 0), {"flags": 0x2000 | 0x400}]


def limits_at(job, kind, address, size):
    """What a JOBOBJECT_EXTENDED_LIMIT_INFORMATION says, without what is 0."""
    assert (job, kind, size) == (JOB, EXTENDED_LIMITS, 144)
    where = {
        "user_time": (0, "q"),
        "job_time": (8, "q"),
        "flags": (16, "I"),
        "least": (24, "Q"),
        "most": (32, "Q"),
        "processes": (40, "I"),
        "affinity": (48, "Q"),
        "class": (56, "I"),
        "scheduling": (60, "I"),
        "memory": (112, "Q"),
        "job_memory": (120, "Q"),
    }
    found = {name: get(address, offset, form) for name, (offset, form) in where.items()}
    return {name: value for name, value in found.items() if value}


def test_limits_are_where_windows_looks_for_them(windows, kernel):
    seen = []
    answer(windows, "SetInformationJobObject", lambda *given: note(seen, limits_at(*given)))
    limits = Limits(memory=2**33, user_time=1.5, processes=7, affinity=0b101, priority_class=0x4000)
    kernel.limit_job(JOB, limits)
    assert seen == [
        {
            "flags": 0x2000 | 0x400 | 0x100 | 0x20 | 0x10 | 0x8 | 0x2,
            "memory": 2**33,
            "user_time": 15_000_000,
            "processes": 7,
            "affinity": 0b101,
            "class": 0x4000,
        }
    ]


def test_a_job_that_cannot_be_limited_is_given_back(windows, kernel):
    answer(windows, "CreateJobObjectW", lambda *_: JOB)
    answer(windows, "SetInformationJobObject", lambda *_: windows.fail(87))
    with pytest.raises(WindowsError):
        kernel.create_job()
    assert windows.called("CloseHandle") == [(JOB,)]


def test_messages_of_a_job_go_to_a_port_and_can_be_stopped(windows, kernel):
    seen = []

    def associate(job, kind, address, size):
        seen.append((job, kind, size, get(address, 0, "Q"), get(address, 8, "Q")))
        return 1

    answer(windows, "SetInformationJobObject", associate)
    kernel.send_messages(JOB, PORT, 77)
    kernel.stop_messages(JOB)
    assert seen == [(JOB, ASSOCIATE, 16, 77, PORT), (JOB, ASSOCIATE, 16, 0, 0)]


def test_accounting_is_in_seconds(windows, kernel):
    def query(job, kind, address, size, needed):
        assert (job, kind, size, needed) == (JOB, BASIC_ACCOUNTING, 48, 0)
        put(address, 0, "4q4I", 25_000_000, 5_000_000, 9, 9, 321, 8, 3, 9)
        return 1

    answer(windows, "QueryInformationJobObject", query)
    found = kernel.accounting(JOB)
    assert (found.user, found.system, found.page_faults, found.active) == (2.5, 0.5, 321, 3)


@pytest.mark.parametrize("count", [0, 1, 64, 65, 1000])
def test_members_are_all_of_them_however_many(windows, kernel, count):
    pids = [4 * (number + 1) for number in range(count)]

    def query(job, kind, address, size, needed):
        assert (job, kind, needed) == (JOB, PROCESS_IDS, 0)
        room = (size - 8) // 8
        put(address, 0, "2I", count, min(count, room))
        put(address, 8, f"{min(count, room)}Q", *pids[:room])
        return 1 if count <= room else windows.fail(numbers.ERROR_MORE_DATA)

    answer(windows, "QueryInformationJobObject", query)
    assert kernel.members(JOB) == pids


def test_members_that_cannot_be_listed_are_an_error_and_no_endless_loop(windows, kernel):
    answer(windows, "QueryInformationJobObject", lambda *_: windows.fail(numbers.ERROR_MORE_DATA))
    with pytest.raises(WindowsError) as caught:
        kernel.members(JOB)
    assert number_of(caught.value) == numbers.ERROR_MORE_DATA


@pytest.mark.parametrize("truth", [0, 1])
def test_whether_a_process_is_in_a_job(windows, kernel, truth):
    def is_in(process, job, address):
        assert (process, job) == (PROCESS, JOB)
        put(address, 0, "i", truth)
        return 1

    answer(windows, "IsProcessInJob", is_in)
    assert kernel.is_in_job(PROCESS, JOB) is bool(truth)


def test_a_job_is_terminated_with_an_exit_code(windows, kernel):
    kernel.terminate_job(JOB, 137)
    assert windows.called("TerminateJobObject") == [(JOB, 137)]


# -- processes ---------------------------------------------------------------------------------------------------------

LIST = 0x5000
PROGRAM = Program(
    application=r"C:\a b\c.exe",
    command_line=r'"C:\a b\c.exe" x',
    environment={"b": "2", "A": "1", "C": "ü"},
    cwd=r"D:\here",
    stdin=Handle(0x101),
    stdout=Handle(0x102),
    stderr=Handle(0x102),
    jobs=(Handle(0x201), Handle(0x202)),
    with_console=True,
)


class Creator:
    """Answers the functions that create a process, and keeps what they were told."""

    def __init__(self, windows):
        self.windows = windows
        self.attributes = {}
        self.created = {}
        answer(windows, "InitializeProcThreadAttributeList", self.initialize)
        answer(windows, "UpdateProcThreadAttribute", self.update)
        answer(windows, "CreateProcessW", self.create)

    def initialize(self, address, count, flags, size):
        assert (count, flags) == (2, 0)
        if not address:
            put(size, 0, "Q", 96)
            return self.windows.fail(numbers.ERROR_INSUFFICIENT_BUFFER)
        assert get(size, 0, "Q") == 96
        self.list = address
        return 1

    def update(self, address, flags, attribute, value, size, previous, returned):
        assert (address, flags, previous, returned) == (self.list, 0, 0, 0)
        self.attributes[attribute] = value, size
        return 1

    def create(self, *given):
        application, line, process, thread, inherit, flags, environment, cwd, startup, information = given
        self.inherited, self.jobs = (handles(*self.attributes[number]) for number in (0x20002, 0x2000D))
        self.created = {
            "application": text(application),
            "line": text(line),
            "security": (process, thread),
            "inherit": inherit,
            "flags": flags,
            "environment": texts(environment),
            "cwd": text(cwd),
            "size": get(startup, 0, "I"),
            "startup flags": get(startup, 60, "I"),
            "streams": tuple(get(startup, offset, "Q") for offset in (80, 88, 96)),
            "list": get(startup, 104, "Q") == self.list,
        }
        put(information, 0, "2Q2I", PROCESS, THREAD, 4711, 99)
        return 1


def test_a_process_is_born_suspended_in_its_jobs_and_inherits_its_streams_only(windows, kernel):
    creator = Creator(windows)
    created = kernel.create_process(PROGRAM)
    assert (created.process, created.thread, created.pid) == (PROCESS, THREAD, 4711)
    assert creator.created == {
        "application": r"C:\a b\c.exe",
        "line": r'"C:\a b\c.exe" x',
        "security": (0, 0),
        "inherit": 1,
        "flags": 0x4 | 0x200 | 0x400 | 0x80000,
        "environment": ["A=1", "b=2", "C=ü"],
        "cwd": r"D:\here",
        "size": 112,
        "startup flags": 0x100,
        "streams": (0x101, 0x102, 0x102),
        "list": True,
    }
    assert creator.inherited == [0x101, 0x102]  # none of them twice
    assert creator.jobs == [0x201, 0x202]
    assert windows.called("SetHandleInformation") == [(0x101, 1, 1), (0x102, 1, 1)]
    assert windows.called("DeleteProcThreadAttributeList") == [(creator.list,)]


def test_without_a_console_to_share_no_window_opens(windows, kernel):
    creator = Creator(windows)
    kernel.create_process(attrs.evolve(PROGRAM, with_console=False))
    assert creator.created["flags"] == 0x4 | 0x200 | 0x400 | 0x80000 | 0x8000000


def test_an_empty_environment_and_no_directory(windows, kernel):
    creator = Creator(windows)
    kernel.create_process(attrs.evolve(PROGRAM, environment={}, cwd=None))
    assert (creator.created["environment"], creator.created["cwd"]) == ([], None)


def test_a_process_that_cannot_be_created_leaves_no_list(windows, kernel):
    creator = Creator(windows)
    answer(windows, "CreateProcessW", lambda *_: windows.fail(2))
    with pytest.raises(WindowsError) as caught:
        kernel.create_process(PROGRAM)
    assert number_of(caught.value) == 2
    assert windows.called("DeleteProcThreadAttributeList") == [(creator.list,)]


def test_a_list_that_cannot_be_made_is_an_error(windows, kernel):
    answer(windows, "InitializeProcThreadAttributeList", lambda *_: windows.fail(8))
    with pytest.raises(WindowsError) as caught:
        kernel.create_process(PROGRAM)
    assert number_of(caught.value) == 8
    assert "CreateProcessW" not in windows.names()


def test_calls_about_processes_say_whom_they_mean(windows, kernel):
    answer(windows, "OpenProcess", lambda *_: PROCESS)
    answer(windows, "NtSuspendProcess", lambda *_: 0)
    answer(windows, "NtResumeProcess", lambda *_: 0)
    assert kernel.open_process(4711) == PROCESS
    kernel.resume_thread(THREAD)
    kernel.suspend_process(PROCESS)
    kernel.resume_process(PROCESS)
    kernel.terminate_process(PROCESS, 137)
    kernel.send_break(4711)
    kernel.close(PROCESS)
    assert windows.calls == [
        ("OpenProcess", (0x800 | 0x1000, 0, 4711)),
        ("ResumeThread", (THREAD,)),
        ("NtSuspendProcess", (PROCESS,)),
        ("NtResumeProcess", (PROCESS,)),
        ("TerminateProcess", (PROCESS, 137)),
        ("GenerateConsoleCtrlEvent", (1, 4711)),
        ("CloseHandle", (PROCESS,)),
    ]


def test_a_status_of_the_native_api_becomes_an_error_with_a_number_of_windows(windows, kernel):
    answer(windows, "NtSuspendProcess", lambda *_: 0xC000010A - 2**32)
    answer(windows, "RtlNtStatusToDosError", lambda status: 5 if status == 0xC000010A - 2**32 else 0)
    with pytest.raises(WindowsError) as caught:
        kernel.suspend_process(PROCESS)
    assert number_of(caught.value) == 5


@pytest.mark.parametrize(("status", "has_ended"), [(0, True), (0x102, False)])
def test_whether_a_process_has_ended_is_asked_without_waiting(windows, kernel, status, has_ended):
    answer(windows, "WaitForSingleObject", lambda *_: status)
    assert kernel.has_ended(PROCESS) is has_ended
    assert windows.called("WaitForSingleObject") == [(PROCESS, 0)]


def test_a_wait_that_fails_is_an_error(windows, kernel):
    answer(windows, "WaitForSingleObject", lambda *_: windows.fail(6, 0xFFFFFFFF))
    with pytest.raises(WindowsError):
        kernel.has_ended(PROCESS)


def test_an_exit_code_is_unsigned(windows, kernel):
    def exit_code(process, address):
        put(address, 0, "I", 0xC000013A)
        return 1

    answer(windows, "GetExitCodeProcess", exit_code)
    assert kernel.exit_code(PROCESS) == 0xC000013A


def test_the_peak_of_memory(windows, kernel):
    def memory(process, address, size):
        assert (process, size, get(address, 0, "I")) == (PROCESS, 72, 72)
        put(address, 8, "2Q", 5_000_000_000, 1)
        return 1

    answer(windows, "K32GetProcessMemoryInfo", memory)
    assert kernel.peak_memory(PROCESS) == 5_000_000_000


@pytest.mark.parametrize(("page", "has_console"), [(0, False), (65001, True)])
def test_whether_there_is_a_console(windows, kernel, page, has_console):
    answer(windows, "GetConsoleCP", lambda: page)
    assert kernel.has_console() is has_console


# -- pipes, files, ports -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ours", "direction", "access"), [("read", 0x1, 0x40000000), ("write", 0x2, 0x80000000)])
def test_a_pipe_has_one_instance_of_this_machine_and_our_end_is_overlapped(windows, kernel, ours, direction, access):
    seen = []

    def named(name, mode, kind, most, out, into, timeout, security):
        seen.append((text(name), mode, kind, most, timeout, security))
        return 0x51

    def opened(name, *given):
        seen.append((text(name), *given))
        return 0x52

    answer(windows, "CreateNamedPipeW", named)
    answer(windows, "CreateFileW", opened)
    answer(windows, "ConnectNamedPipe", lambda *_: windows.fail(535))
    assert kernel.make_pipe(ours) == (0x51, 0x52)
    name = seen[0][0]
    assert name.startswith("\\\\.\\pipe\\regrow-")
    assert seen == [(name, direction | 0x40000000 | 0x80000, 0x8, 1, 0, 0), (name, access, 0, 0, 3, 0, 0)]


def test_two_pipes_have_two_names(windows, kernel):
    names = []
    answer(windows, "CreateNamedPipeW", lambda name, *_: note(names, text(name), 0x51))
    kernel.make_pipe("read")
    kernel.make_pipe("read")
    assert len(set(names)) == 2


def test_half_a_pipe_is_given_back(windows, kernel):
    answer(windows, "CreateNamedPipeW", lambda *_: 0x51)
    answer(windows, "CreateFileW", lambda *_: windows.fail(231, INVALID_HANDLE))
    with pytest.raises(WindowsError):
        kernel.make_pipe("read")
    assert windows.called("CloseHandle") == [(0x51,)]


def test_how_much_can_be_read_of_a_pipe_at_once(windows, kernel):
    def peek(pipe, *given):
        *nothing, count, left = given
        assert (pipe, nothing, left) == (0x51, [0, 0, 0], 0)
        put(count, 0, "I", 70_000)
        return 1

    answer(windows, "PeekNamedPipe", peek)
    assert kernel.waiting(Handle(0x51)) == 70_000


@pytest.mark.parametrize(("access", "wanted"), [("read", 0x80000000), ("write", 0x40000000)])
def test_the_null_device(windows, kernel, access, wanted):
    seen = []
    answer(windows, "CreateFileW", lambda name, *given: note(seen, (text(name), *given), 0x52))
    assert kernel.open_null(access) == 0x52
    assert seen == [("NUL", wanted, 3, 0, 3, 0, 0)]


def test_a_port_delivers_what_was_posted_and_what_jobs_say(windows, kernel):
    answer(windows, "CreateIoCompletionPort", lambda *_: PORT)
    assert kernel.create_port() == PORT
    assert windows.called("CreateIoCompletionPort") == [(INVALID_HANDLE, 0, 0, 1)]
    kernel.post_message(PORT, Message(key=0, kind=9, pid=0))
    assert windows.called("PostQueuedCompletionStatus") == [(PORT, 9, 0, 0)]

    def take(port, kind, key, pid, timeout):
        assert (port, timeout) == (PORT, 0xFFFFFFFF)
        put(kind, 0, "I", 7)
        put(key, 0, "Q", 2**40)
        put(pid, 0, "Q", 4711)
        return 1

    answer(windows, "GetQueuedCompletionStatus", take)
    assert kernel.take_message(PORT) == Message(key=2**40, kind=7, pid=4711)


@pytest.mark.parametrize("nothing", [0, INVALID_HANDLE])
def test_what_is_no_handle_is_an_error(windows, kernel, nothing):
    answer(windows, "CreateIoCompletionPort", lambda *_: windows.fail(1450, nothing))
    with pytest.raises(WindowsError) as caught:
        kernel.create_port()
    assert number_of(caught.value) == 1450
