"""A state directory: ours alone, or refused; and files in it that are files, or refused."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import errno
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from regrow.exceptions import IoError

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_MOST = 64 * 1024 * 1024  # bytes of a file that is read: far more than is ever written


class Folder:
    """An open state directory. Every name in it is looked up in that very directory, whatever its path means by now.

    Who may write there decides whom the next supervisor kills. So it must belong to us, and nobody else may write.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        with self.saying():
            with suppress(FileExistsError):
                os.makedirs(path, mode=0o700)
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with self.saying():
                _refuse_foreign(os.fstat(self._fd))
        except IoError:
            self.close()
            raise

    @contextmanager
    def saying(self, name: str = "") -> Iterator[None]:
        """Within the block, an error of the operating system becomes one that names the directory, or a file of it."""
        try:
            yield
        except OSError as error:
            what = f"{name!r} in the state directory" if name else "the state directory"
            raise IoError(f"{what} {self.path!r} cannot be used", error) from error

    def open(self, name: str, flags: int) -> int:
        """Open a file; made for us alone if *flags* say so.

        Raises:
            OSError: it cannot be opened, or it is something else than a file.
        """
        # NONBLOCK: a fifo, of all things, must not hold us; NOFOLLOW: nor may a link lead us elsewhere.
        flags |= os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        try:
            fd = os.open(name, flags, 0o600, dir_fd=self._fd)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OSError(errno.ELOOP, "it is a symbolic link, and regrow makes none; remove it") from None
            raise
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "it is no file, and nothing that regrow has made; remove it")
        return fd

    def read(self, name: str) -> bytes | None:
        """All of a file; `None`: there is none.

        Raises:
            OSError: it cannot be read, or is something else than a file of ours.
        """
        try:
            fd = self.open(name, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with open(fd, "rb", buffering=0) as file:
            if os.fstat(fd).st_size > _MOST:
                raise OSError(errno.EFBIG, "it is too large to be a file that regrow has made; remove it")
            return file.readall()

    def rename(self, name: str, to: str) -> None:
        """Give a file another name; what had that name is gone."""
        os.rename(name, to, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)

    def close(self) -> None:
        """Give it back."""
        os.close(self._fd)


def _refuse_foreign(found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        words = f"it belongs to {_user(found.st_uid)}, and we are {_user(os.geteuid())}; use a directory of your own"
        raise PermissionError(errno.EPERM, words)
    if found.st_mode & _OTHERS_MAY_WRITE:
        mode = stat.S_IMODE(found.st_mode)
        words = f"others may write there (its mode is {mode:04o}); use a directory of its own, with mode 0700"
        raise PermissionError(errno.EPERM, words)


def _user(number: int) -> str:
    try:
        return f"user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"user {number}"
