"""The structures of the Windows API that we use, as ctypes lays them out: the same on every system."""

from __future__ import annotations

from ctypes import Structure, c_int32, c_int64, c_size_t, c_uint16, c_uint32, c_uint64, c_void_p, c_wchar_p
from typing import ClassVar

DWORD = c_uint32  # not wintypes.DWORD, which has eight bytes where a C long has
BOOL = c_int32
HANDLE = c_void_p
NTSTATUS = c_int32


class SecurityAttributes(Structure):
    """SECURITY_ATTRIBUTES."""

    _fields_: ClassVar = [("nLength", DWORD), ("lpSecurityDescriptor", c_void_p), ("bInheritHandle", BOOL)]


class StartupInfo(Structure):
    """STARTUPINFOW."""

    _fields_: ClassVar = [
        ("cb", DWORD),
        ("lpReserved", c_wchar_p),
        ("lpDesktop", c_wchar_p),
        ("lpTitle", c_wchar_p),
        ("dwX", DWORD),
        ("dwY", DWORD),
        ("dwXSize", DWORD),
        ("dwYSize", DWORD),
        ("dwXCountChars", DWORD),
        ("dwYCountChars", DWORD),
        ("dwFillAttribute", DWORD),
        ("dwFlags", DWORD),
        ("wShowWindow", c_uint16),
        ("cbReserved2", c_uint16),
        ("lpReserved2", c_void_p),
        ("hStdInput", HANDLE),
        ("hStdOutput", HANDLE),
        ("hStdError", HANDLE),
    ]


class StartupInfoEx(Structure):
    """STARTUPINFOEXW."""

    _fields_: ClassVar = [("StartupInfo", StartupInfo), ("lpAttributeList", c_void_p)]


class ProcessInformation(Structure):
    """PROCESS_INFORMATION."""

    _fields_: ClassVar = [
        ("hProcess", HANDLE),
        ("hThread", HANDLE),
        ("dwProcessId", DWORD),
        ("dwThreadId", DWORD),
    ]


class BasicLimits(Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_: ClassVar = [
        ("PerProcessUserTimeLimit", c_int64),
        ("PerJobUserTimeLimit", c_int64),
        ("LimitFlags", DWORD),
        ("MinimumWorkingSetSize", c_size_t),
        ("MaximumWorkingSetSize", c_size_t),
        ("ActiveProcessLimit", DWORD),
        ("Affinity", c_size_t),
        ("PriorityClass", DWORD),
        ("SchedulingClass", DWORD),
    ]


class ExtendedLimits(Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_: ClassVar = [
        ("BasicLimitInformation", BasicLimits),
        ("IoInfo", c_uint64 * 6),
        ("ProcessMemoryLimit", c_size_t),
        ("JobMemoryLimit", c_size_t),
        ("PeakProcessMemoryUsed", c_size_t),
        ("PeakJobMemoryUsed", c_size_t),
    ]


class BasicAccounting(Structure):
    """JOBOBJECT_BASIC_ACCOUNTING_INFORMATION."""

    _fields_: ClassVar = [
        ("TotalUserTime", c_int64),
        ("TotalKernelTime", c_int64),
        ("ThisPeriodTotalUserTime", c_int64),
        ("ThisPeriodTotalKernelTime", c_int64),
        ("TotalPageFaultCount", DWORD),
        ("TotalProcesses", DWORD),
        ("ActiveProcesses", DWORD),
        ("TotalTerminatedProcesses", DWORD),
    ]


class CompletionPort(Structure):
    """JOBOBJECT_ASSOCIATE_COMPLETION_PORT."""

    _fields_: ClassVar = [("CompletionKey", c_void_p), ("CompletionPort", HANDLE)]


class MemoryCounters(Structure):
    """PROCESS_MEMORY_COUNTERS."""

    _fields_: ClassVar = [
        ("cb", DWORD),
        ("PageFaultCount", DWORD),
        ("PeakWorkingSetSize", c_size_t),
        ("WorkingSetSize", c_size_t),
        ("QuotaPeakPagedPoolUsage", c_size_t),
        ("QuotaPagedPoolUsage", c_size_t),
        ("QuotaPeakNonPagedPoolUsage", c_size_t),
        ("QuotaNonPagedPoolUsage", c_size_t),
        ("PagefileUsage", c_size_t),
        ("PeakPagefileUsage", c_size_t),
    ]
