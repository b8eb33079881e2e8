"""The functions of kernel32 and ntdll that we use: what they take, what they return, and how they tell of errors."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import POINTER, c_size_t, c_void_p, c_wchar_p
from typing import Any, Protocol

import attrs

from regrow._edge.windows.structures import BOOL, DWORD, HANDLE, NTSTATUS


class Libraries(Protocol):
    """Where functions come from."""

    def find(self, library: str, name: str) -> Any:
        """The function *name* of *library*, to be given its types."""

    def last_error(self) -> int:
        """The number of the error of the last call in this thread."""
        ...

    def error(self, number: int) -> OSError:
        """The error of that number, with its words."""
        ...


@attrs.frozen
class _Answer:
    """What a function returns, and when that says that it has failed."""

    kind: Any
    has_failed: Callable[[Any], bool]


INVALID_HANDLE = c_void_p(-1).value
_ALL_BITS = 0xFFFFFFFF

_TRUTH = _Answer(BOOL, lambda answer: not answer)
_OBJECT = _Answer(HANDLE, lambda answer: answer in {None, INVALID_HANDLE})
_COUNT = _Answer(DWORD, lambda answer: bool(answer == _ALL_BITS))
_NUMBER = _Answer(DWORD, lambda _: False)
_STATUS = _Answer(NTSTATUS, lambda answer: bool(answer < 0))
_NOTHING = _Answer(None, lambda _: False)

_KERNEL32: dict[str, tuple[_Answer, tuple[Any, ...]]] = {
    "CloseHandle": (_TRUTH, (HANDLE,)),
    "ConnectNamedPipe": (_TRUTH, (HANDLE, c_void_p)),
    "CreateFileW": (_OBJECT, (c_wchar_p, DWORD, DWORD, c_void_p, DWORD, DWORD, HANDLE)),
    "CreateIoCompletionPort": (_OBJECT, (HANDLE, HANDLE, c_size_t, DWORD)),
    "CreateJobObjectW": (_OBJECT, (c_void_p, c_wchar_p)),
    "CreateNamedPipeW": (_OBJECT, (c_wchar_p, DWORD, DWORD, DWORD, DWORD, DWORD, DWORD, c_void_p)),
    "CreateProcessW": (
        _TRUTH,
        (c_wchar_p, c_wchar_p, c_void_p, c_void_p, BOOL, DWORD, c_void_p, c_wchar_p, c_void_p, c_void_p),
    ),
    "DeleteProcThreadAttributeList": (_NOTHING, (c_void_p,)),
    "GenerateConsoleCtrlEvent": (_TRUTH, (DWORD, DWORD)),
    "GetConsoleCP": (_NUMBER, ()),
    "GetExitCodeProcess": (_TRUTH, (HANDLE, POINTER(DWORD))),
    "GetQueuedCompletionStatus": (
        _TRUTH,
        (HANDLE, POINTER(DWORD), POINTER(c_size_t), POINTER(c_void_p), DWORD),
    ),
    "InitializeProcThreadAttributeList": (_TRUTH, (c_void_p, DWORD, DWORD, POINTER(c_size_t))),
    "IsProcessInJob": (_TRUTH, (HANDLE, HANDLE, POINTER(BOOL))),
    "K32GetProcessMemoryInfo": (_TRUTH, (HANDLE, c_void_p, DWORD)),
    "OpenProcess": (_OBJECT, (DWORD, BOOL, DWORD)),
    "PeekNamedPipe": (_TRUTH, (HANDLE, c_void_p, DWORD, c_void_p, POINTER(DWORD), c_void_p)),
    "PostQueuedCompletionStatus": (_TRUTH, (HANDLE, DWORD, c_size_t, c_void_p)),
    "QueryInformationJobObject": (_TRUTH, (HANDLE, BOOL, c_void_p, DWORD, POINTER(DWORD))),
    "ResumeThread": (_COUNT, (HANDLE,)),
    "SetHandleInformation": (_TRUTH, (HANDLE, DWORD, DWORD)),
    "SetInformationJobObject": (_TRUTH, (HANDLE, BOOL, c_void_p, DWORD)),
    "TerminateJobObject": (_TRUTH, (HANDLE, DWORD)),
    "TerminateProcess": (_TRUTH, (HANDLE, DWORD)),
    "UpdateProcThreadAttribute": (
        _TRUTH,
        (c_void_p, DWORD, c_size_t, c_void_p, c_size_t, c_void_p, POINTER(c_size_t)),
    ),
    "WaitForSingleObject": (_COUNT, (HANDLE, DWORD)),
}

_NTDLL: dict[str, tuple[_Answer, tuple[Any, ...]]] = {
    "NtResumeProcess": (_STATUS, (HANDLE,)),
    "NtSuspendProcess": (_STATUS, (HANDLE,)),
    "RtlNtStatusToDosError": (_NUMBER, (NTSTATUS,)),
}


class Functions:
    """All of them, as attributes; what fails raises OSError, with the number of Windows in `winerror`."""

    def __init__(self, libraries: Libraries) -> None:
        self._libraries = libraries
        self._found: dict[str, Any] = {}
        for library, functions in {"kernel32": _KERNEL32, "ntdll": _NTDLL}.items():
            for name, (answer, arguments) in functions.items():
                self._found[name] = self._prepare(libraries.find(library, name), answer, arguments)

    def __getattr__(self, name: str) -> Any:
        return self._found[name]

    def _prepare(self, function: Any, answer: _Answer, arguments: tuple[Any, ...]) -> Any:
        def check(result: Any, *_: object) -> Any:
            if answer.has_failed(result):
                raise self._libraries.error(self._number(result, answer))
            return result

        function.argtypes = arguments
        function.restype = answer.kind
        function.errcheck = check
        return function

    def _number(self, result: Any, answer: _Answer) -> int:
        if answer is _STATUS:
            return int(self.RtlNtStatusToDosError(result))
        return self._libraries.last_error()
