"""The command as a process, for the tests of the command: started, watched line by line, and ended in any case."""

import os
import subprocess
import sys
from contextlib import contextmanager
from threading import Condition, Thread

PATIENCE = 20.0
"""Seconds after which a line, or an end, is not going to come any more."""

HEAD = """\
import sys
from regrow import *
from regrow.readiness import *
from regrow.stopping import *
from regrow.testing import children
"""


def write_tree(folder, body, name="tree.py"):
    """Write a file with a tree; what is needed for it is imported already."""
    (folder / name).write_text(f"{HEAD}{body}\n", encoding="utf-8")


def pid_in(line):
    """The pid that a line tells of."""
    return int(line.partition("(pid ")[2].partition(")")[0])


class Command:
    """`python -m regrow` with some arguments, and the lines that it prints, as they come."""

    def __init__(self, *arguments, cwd, env=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, below=()):
        self.process = subprocess.Popen(
            [*below, sys.executable, "-m", "regrow", *arguments],
            cwd=cwd,
            env={**os.environ, "NO_COLOR": "", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            encoding="utf-8",
        )
        self.stdout = Lines(self.process.stdout)
        self.stderr = Lines(self.process.stderr)

    @property
    def pid(self):
        return self.process.pid

    def send(self, number):
        self.process.send_signal(number)

    def end(self):
        """Wait for its end; return the exit code. All its lines are there then."""
        code = self.process.wait(PATIENCE)
        self.stdout.end()
        self.stderr.end()
        return code


class Lines:
    """The lines of one stream, read by a thread."""

    def __init__(self, file):
        self._file = file
        self._changed = Condition()
        self._is_over = False
        self.lines = []
        self._thread = Thread(target=self._read, daemon=True)
        if file is not None:
            self._thread.start()

    def wait_for(self, *texts):
        """Wait for a line with all of *texts* in it, and return the first; one that has come already will do."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self.with_text(*texts), PATIENCE)
            for line in self.with_text(*texts):
                return line
        raise AssertionError(f"no line with {texts!r} in:\n{self}")

    def with_text(self, *texts):
        """The lines that have all of *texts* in them."""
        return [line for line in self.lines if all(text in line for text in texts)]

    def end(self):
        if self._file is not None:
            self._thread.join(PATIENCE)

    def __str__(self):
        return "\n".join(self.lines)

    def _read(self):
        for line in self._file:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()


@contextmanager
def running(*arguments, **settings):
    """The command, for a block; killed if the block does not see it to its end."""
    command = Command(*arguments, **settings)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.kill()
            command.process.wait()
        for lines, file in ((command.stdout, command.process.stdout), (command.stderr, command.process.stderr)):
            lines.end()
            if file is not None:
                file.close()


def finished(*arguments, **settings):
    """The command, when it has ended, and its exit code."""
    with running(*arguments, **settings) as command:
        return command, command.end()
