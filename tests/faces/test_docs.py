"""What the docs say is tried here: their programs run, and do and print what is shown.

On each page, in order: a `python` block is executed, in one namespace for the page; with a caption it is a file.
A `text` block is what the block before it printed. A `console` block is typed into a shell: each `$ command` is run,
and what is shown below it must be printed, in any order, times and durations aside. `regrow run` goes on until the page
ends it; `kill -9 PID` means the process that was shown with that number, and `^C` is a Ctrl-C.
"""

import contextlib
import io
import logging
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import structlog
from sybil.document import Document
from sybil.parsers.myst import CodeBlockParser

from regrow import exceptions

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    page
    for folder in ("tutorial", "how-to", "explanation")
    for page in sorted((DOCS / folder).glob("*.md"))
    if "```" in page.read_text(encoding="utf-8")
]
PATIENCE = 10.0
"""Seconds that a page waits for what it says that is printed."""

FOR_READERS = ("pip ", "python3 -m venv", ". ", "nox ")
"""Commands that are not run here: they set up an environment, or take minutes."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS).with_suffix("")))
def test_a_page_does_what_it_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("NO_COLOR", raising=False)
    handlers = logging.getLogger().handlers[:]
    reader = Reader()
    try:
        for example in Document.parse(str(page), *reader.parsers()).examples():
            example.evaluate()
        reader.finish()
    finally:
        reader.close()
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = handlers


def test_the_picture_of_the_house_shows_every_module_and_no_other():
    page = (DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8")
    (picture,) = re.findall(r"^src/regrow/\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    shown, folders = set(), []
    for line in picture.splitlines():
        depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        folders[depth - 1 :] = [name] if name.endswith("/") else []
        shown.add("".join(folders if name.endswith("/") else [*folders[: depth - 1], name]))
    source = ROOT / "src" / "regrow"
    files = {str(file.relative_to(source)) for file in source.rglob("*.py")}
    modules = {file for file in files if not file.endswith("/__init__.py")}
    assert {name for name in shown if not name.endswith("/")} == modules
    assert {name for name in shown if name.endswith("/")} == {f"{Path(f).parent}/" for f in files if "/" in f}


def test_the_page_of_the_command_line_says_what_help_says():
    page = (DOCS / "reference" / "command-line.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\$ (regrow .*?--help)\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert len(shown) == 5
    for command, text in shown:
        words = [sys.executable, "-m", *command.split()]
        told = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "COLUMNS": "100"}, check=True)
        assert text == told.stdout


def test_the_table_of_exceptions_has_each_with_its_code_and_category():
    page = (DOCS / "reference" / "exceptions.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| .*exceptions\.(\w+)` \| `(\w+)` \| (\w+) \|$", page, flags=re.MULTILINE)
    kinds = [exceptions.RegrowError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert sorted(table) == sorted((kind.__name__, kind.code, kind.category) for kind in set(kinds[1:]))


class Reader:
    """Somebody who reads a page and does all of it."""

    def __init__(self):
        self.port = str(free_port())  # stands for the 8000 of the docs
        self.printed = ""
        self.shell: Shell | None = None
        self.pids = {}  # those of the docs, and the real ones

    def parsers(self):
        for language in ("python", "text", "console"):
            yield CodeBlockParser(language, getattr(self, language))

    def python(self, example):
        source = self._here(str(example.parsed))
        if caption := example.region.lexemes.get("options", {}).get("caption"):
            Path(caption).write_text(source, encoding="utf-8")
            return
        line = example.line + example.parsed.line_offset
        example.namespace.setdefault("__name__", "docs")
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile("\n" * line + source, example.path, "exec"), example.namespace)
        self.printed = out.getvalue()

    def text(self, example):
        shown = self._here(str(example.parsed)).rstrip("\n")
        if self.shell is None:
            assert shown == self.printed.rstrip("\n")
        else:
            self._see(shown.split("\n"))

    def console(self, example):
        for typed in re.split(r"^\$ ", self._here(str(example.parsed)), flags=re.MULTILINE)[1:]:
            command, *shown = typed.rstrip("\n").split("\n")
            self._type(command)
            self._see(shown)

    def finish(self):
        """The page is read: nothing runs any more."""
        if self.shell is not None:
            self.shell.wait()

    def close(self):
        """Leave nothing running, whatever happened."""
        if self.shell is not None:
            self.shell.close()

    def _here(self, text):
        return text.replace("8000", self.port)

    def _type(self, command):
        if command.startswith(FOR_READERS):
            return
        if match := re.fullmatch(r"kill -(\w+) (\d+)", command):
            name = signal.Signals(9) if match[1] == "9" else signal.Signals[f"SIG{match[1]}"]
            os.kill(self.pids[match[2]], name)
        elif command == "echo $?":
            self.shell.lines.append(str(self.shell.wait()))
        else:
            self.finish()
            self.shell = Shell(command)

    def _see(self, lines):
        if lines and lines[0] == "^C":
            self.shell.process.send_signal(signal.SIGINT)
            lines = lines[1:]
        for line in lines:
            if match := self.shell.see(pattern_of(line)):
                self.pids |= dict(zip(re.findall(r"\bpid (\d+)", line), map(int, match.groups()), strict=True))


class Shell:
    """One command, and what it prints."""

    def __init__(self, command):
        words = shlex.split(command)
        words[:1] = {"regrow": [sys.executable, "-m", "regrow"], "python": [sys.executable]}.get(words[0], words[:1])
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = []
        self._all = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def see(self, pattern):
        """Wait for a line like this; it is seen once."""
        deadline = time.monotonic() + PATIENCE
        while True:
            is_hopeless = not self._reader.is_alive() or time.monotonic() > deadline
            for line in self.lines:
                if match := re.fullmatch(pattern, line):
                    self.lines.remove(line)
                    return match
            assert not is_hopeless, "\n".join([f"not printed: {pattern}", *self._all])
            time.sleep(0.01)

    def wait(self):
        """Wait for its end; its exit code."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pytest.fail("\n".join(["the page does not end it:", *self._all]))
        self._reader.join()
        return code

    def close(self):
        """End it, if it runs."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):  # the second one is obeyed at once
            if self.process.poll() is None:
                self.process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(2)
        self._reader.join()

    def _read(self):
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._all.append(line.rstrip())
                self.lines.append(line.rstrip())


def pattern_of(line):
    """What matches *line* and others that differ in numbers that nobody can foretell."""
    pattern = re.escape(line.rstrip())
    if "stopped" in line:  # whether a shell's own child dies before the shell is up to the kernel
        pattern += r"(?:, and \d+ strays? with it)?"
    pattern = re.sub(r"\d\d:\d\d:\d\d\\\.\d{3}", r"\\d\\d:\\d\\d:\\d\\d\\.\\d{3}", pattern)
    pattern = re.sub(r"pid\\ \d+", r"pid\\ (\\d+)", pattern)
    return re.sub(r"\d+(\\\.\d+)?\\ (ms|s|min)\b", r"[-\\d.e]+\\ (?:ms|s|min)", pattern)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
