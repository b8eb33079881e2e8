"""kernel32 and ntdll for tests: functions of the C calling convention, with the types of Microsoft's headers.

Independent of `_edge.windows.structures` and `functions`: sizes and offsets are those that a compiler for Windows has
given for the headers, so what ctypes is told wrong comes here as wrong bytes.
"""

from __future__ import annotations

import ctypes
import re
import struct
from ctypes import c_int32, c_size_t, c_uint32, c_uint64

HEADERS = """
BOOL CloseHandle(HANDLE)
BOOL ConnectNamedPipe(HANDLE, LPVOID)
HANDLE CreateFileW(LPCWSTR, DWORD, DWORD, LPVOID, DWORD, DWORD, HANDLE)
HANDLE CreateIoCompletionPort(HANDLE, HANDLE, ULONG_PTR, DWORD)
HANDLE CreateJobObjectW(LPVOID, LPCWSTR)
HANDLE CreateNamedPipeW(LPCWSTR, DWORD, DWORD, DWORD, DWORD, DWORD, DWORD, LPVOID)
BOOL CreateProcessW(LPCWSTR, LPWSTR, LPVOID, LPVOID, BOOL, DWORD, LPVOID, LPCWSTR, LPVOID, LPVOID)
VOID DeleteProcThreadAttributeList(LPVOID)
BOOL GenerateConsoleCtrlEvent(DWORD, DWORD)
UINT GetConsoleCP()
BOOL GetExitCodeProcess(HANDLE, LPVOID)
BOOL GetQueuedCompletionStatus(HANDLE, LPVOID, LPVOID, LPVOID, DWORD)
BOOL InitializeProcThreadAttributeList(LPVOID, DWORD, DWORD, LPVOID)
BOOL IsProcessInJob(HANDLE, HANDLE, LPVOID)
BOOL K32GetProcessMemoryInfo(HANDLE, LPVOID, DWORD)
HANDLE OpenProcess(DWORD, BOOL, DWORD)
BOOL PeekNamedPipe(HANDLE, LPVOID, DWORD, LPVOID, LPVOID, LPVOID)
BOOL PostQueuedCompletionStatus(HANDLE, DWORD, ULONG_PTR, LPVOID)
BOOL QueryInformationJobObject(HANDLE, INT, LPVOID, DWORD, LPVOID)
DWORD ResumeThread(HANDLE)
BOOL SetHandleInformation(HANDLE, DWORD, DWORD)
BOOL SetInformationJobObject(HANDLE, INT, LPVOID, DWORD)
BOOL TerminateJobObject(HANDLE, UINT)
BOOL TerminateProcess(HANDLE, UINT)
BOOL UpdateProcThreadAttribute(LPVOID, DWORD, ULONG_PTR, LPVOID, SIZE_T, LPVOID, LPVOID)
DWORD WaitForSingleObject(HANDLE, DWORD)
NTSTATUS NtResumeProcess(HANDLE)
NTSTATUS NtSuspendProcess(HANDLE)
ULONG RtlNtStatusToDosError(NTSTATUS)
"""

_POINTER, _NUMBER, _SIGNED = c_uint64, c_uint32, c_int32
_TYPES = {
    **dict.fromkeys(["HANDLE", "LPVOID", "LPCWSTR", "LPWSTR", "ULONG_PTR", "SIZE_T"], _POINTER),
    **dict.fromkeys(["DWORD", "UINT", "ULONG"], _NUMBER),
    **dict.fromkeys(["BOOL", "INT", "NTSTATUS"], _SIGNED),
    "VOID": None,
}
_DECLARATION = re.compile(r"(\w+) (\w+)\((.*)\)")
INVALID_HANDLE = 2**64 - 1


class WindowsError(OSError):
    """An error with the number of Windows, as OSError has it there."""

    def __init__(self, number, errno=0):
        super().__init__(errno, f"error {number} of Windows")
        self.winerror = number


class Dll:
    """The functions; each call is noted, and answered by the method of that name, or with 1."""

    def __init__(self):
        self.calls = []
        self.error_number = 0
        self._kept = []  # callbacks live as long as somebody holds them

    # -- functions.Libraries -------------------------------------------------------------------------------------------

    def find(self, library, name):
        result, arguments = declared()[name]
        assert library == ("ntdll" if name.startswith(("Nt", "Rtl")) else "kernel32")
        function = ctypes.CFUNCTYPE(result, *arguments)(lambda *given: self._called(name, given))
        self._kept.append(function)
        return function

    def last_error(self):
        return self.error_number

    def error(self, number):
        return WindowsError(number)

    # -- for tests -----------------------------------------------------------------------------------------------------

    def fail(self, number, answer=0):
        """Set the error of the call that goes on, and return what such a function returns then."""
        self.error_number = number
        return answer

    def called(self, name):
        """The arguments of each call of *name*."""
        return [given for called, given in self.calls if called == name]

    def names(self):
        return [name for name, _ in self.calls]

    def _called(self, name, given):
        self.calls.append((name, given))
        method = getattr(self, name, None)
        answer = 1 if method is None else method(*given)
        return None if declared()[name][0] is None else answer


def declared():
    """What each function returns and takes."""
    found = {}
    for line in HEADERS.split("\n"):
        if match := _DECLARATION.fullmatch(line):
            result, name, arguments = match.groups()
            found[name] = _TYPES[result], [_TYPES[kind] for kind in arguments.split(", ") if kind]
    return found


# -- memory ------------------------------------------------------------------------------------------------------------


def text(address):
    """The string at *address*; `None`: there is none."""
    return ctypes.wstring_at(address) if address else None


def texts(address):
    """The strings at *address*, one after the other, up to an empty one."""
    found, size = [], ctypes.sizeof(ctypes.c_wchar)
    while part := ctypes.wstring_at(address):
        found.append(part)
        address += size * (len(part) + 1)
    return found


def get(address, offset, form):
    """One number, in the terms of `struct`."""
    return struct.unpack("<" + form, ctypes.string_at(address + offset, struct.calcsize("<" + form)))[0]


def put(address, offset, form, *values):
    data = struct.pack("<" + form, *values)
    ctypes.memmove(address + offset, data, len(data))


def handles(address, size):
    """The array of handles at *address*, of so many bytes."""
    return list(struct.unpack(f"<{size // 8}Q", ctypes.string_at(address, size)))


assert ctypes.sizeof(c_size_t) == 8, "the offsets in these tests are those of 64 bits"
