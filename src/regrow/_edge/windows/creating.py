"""`CreateProcessW`, so that a process is born in its jobs and inherits only what it is meant to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from ctypes import Array, byref, c_size_t, c_void_p, cast, create_string_buffer, create_unicode_buffer, sizeof
from typing import Any

from regrow._edge.windows import numbers
from regrow._edge.windows.api import Created, Handle, Program, number_of
from regrow._edge.windows.functions import Functions
from regrow._edge.windows.structures import HANDLE, ProcessInformation, StartupInfoEx

_INHERIT = 0x1  # HANDLE_FLAG_INHERIT

_FLAGS = (
    numbers.CREATE_SUSPENDED
    | numbers.CREATE_NEW_PROCESS_GROUP
    | numbers.CREATE_UNICODE_ENVIRONMENT
    | numbers.EXTENDED_STARTUPINFO_PRESENT
)


def create_process(call: Functions, program: Program) -> Created:
    """Create a process; nothing of it runs yet."""
    streams = program.stdin, program.stdout, program.stderr
    inherited = list(dict.fromkeys(streams))  # the list is refused if one is in it twice
    for handle in inherited:
        call.SetHandleInformation(handle, _INHERIT, _INHERIT)
    # Born in its jobs, not put into them when it is there: who is killed in between would leave a process behind that
    # is in none, and that never runs. https://devblogs.microsoft.com/oldnewthing/20230209-00/?p=107812
    wanted = {
        numbers.PROC_THREAD_ATTRIBUTE_HANDLE_LIST: _handles(inherited),
        numbers.PROC_THREAD_ATTRIBUTE_JOB_LIST: _handles(program.jobs),
    }
    with _attributes(call, wanted) as attributes:
        return _create(call, program, _startup(streams, attributes))


def _create(call: Functions, program: Program, startup: StartupInfoEx) -> Created:
    created = ProcessInformation()
    call.CreateProcessW(
        program.application,
        create_unicode_buffer(program.command_line),  # it may be written to
        None,
        None,
        True,  # the list says which handles; without this, none
        _FLAGS if program.with_console else _FLAGS | numbers.CREATE_NO_WINDOW,
        create_unicode_buffer(_block(program.environment)),
        program.cwd,
        byref(startup),
        byref(created),
    )
    return Created(process=Handle(created.hProcess), thread=Handle(created.hThread), pid=created.dwProcessId)


def _startup(streams: tuple[Handle, Handle, Handle], attributes: Any) -> StartupInfoEx:
    startup = StartupInfoEx()
    startup.StartupInfo.cb = sizeof(startup)
    startup.StartupInfo.dwFlags = numbers.STARTF_USESTDHANDLES
    startup.StartupInfo.hStdInput, startup.StartupInfo.hStdOutput, startup.StartupInfo.hStdError = streams
    startup.lpAttributeList = attributes
    return startup


def _block(environment: Mapping[str, str]) -> str:
    """An environment as Windows wants it: in the order of the names, each with a NUL, and one more in the end."""
    lines = (f"{name}={environment[name]}\0" for name in sorted(environment, key=str.upper))
    return "".join(lines) or "\0"  # the buffer adds the last one


def _handles(handles: Sequence[Handle]) -> Array[Any]:
    return (HANDLE * len(handles))(*handles)


@contextmanager
def _attributes(call: Functions, wanted: Mapping[int, Array[Any]]) -> Iterator[c_void_p]:
    """A list of attributes; it points to the arrays in *wanted*, which live as long as the block."""
    room = create_string_buffer(_room(call, len(wanted)))
    where = cast(room, c_void_p)
    call.InitializeProcThreadAttributeList(where, len(wanted), 0, byref(c_size_t(sizeof(room))))
    try:
        for attribute, value in wanted.items():
            call.UpdateProcThreadAttribute(where, 0, attribute, byref(value), sizeof(value), None, None)
        yield where
    finally:
        call.DeleteProcThreadAttributeList(where)


def _room(call: Functions, attributes: int) -> int:
    size = c_size_t()
    try:
        call.InitializeProcThreadAttributeList(None, attributes, 0, byref(size))
    except OSError as error:
        if number_of(error) != numbers.ERROR_INSUFFICIENT_BUFFER:  # that is how it tells the size
            raise
    return size.value
