"""As with an old kernel, or with the filter of a strict container: there are no pidfds."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import ctypes
import errno
import os
import struct

_MISSING = (424, 434)  # pidfd_send_signal, pidfd_open: on every machine
_SET_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000


def forget_pidfds() -> None:
    """From now on, for us and all descendants, those calls do not exist."""
    program = [(_LOAD, 0, 0, 0)]  # the number of the call
    for number in _MISSING:
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE | errno.ENOSYS)]
    program.append((_RETURN, 0, 0, _ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    filter_ = ctypes.create_string_buffer(struct.pack("HP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0:
        assert libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(_SET_SECCOMP, _FILTER, filter_, 0, 0) == 0, os.strerror(ctypes.get_errno())
