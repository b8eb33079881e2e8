"""What is to run, in the terms of Windows."""

import errno
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.windows.processes import to_arguments

from regrow._edge.windows.command import command_line, find_program, merge
from regrow._edge.windows.refusals import RefusedError

arguments = st.lists(st.text(string.ascii_letters + ' \t"\\&|^%ü', max_size=12), max_size=5)


@settings(deadline=None)
@given(arguments)
def test_arguments_arrive_as_they_are(rest):
    assert to_arguments(command_line(["prog.exe", *rest])) == ["prog.exe", *rest]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (r'"a b c" d e', ["a b c", "d", "e"]),
        (r'"ab\"c" "\\" d', ['ab"c', "\\", "d"]),
        (r"a\\\b d\"e f\"g h", [r"a\\\b", 'd"e', 'f"g', "h"]),
        (r"a\\\"b c d", [r"a\"b", "c", "d"]),
        (r'a\\\\"b c" d e', [r"a\\b c", "d", "e"]),
        ('a "" b', ["a", "", "b"]),
    ],
)
def test_the_oracle_takes_lines_apart_as_the_manual_says(line, wanted):
    assert to_arguments(line) == wanted


def test_of_two_variables_that_differ_in_case_the_later_one_is_there():
    ours = {"PATH": "ours", "HOME": "here"}
    assert merge(ours, {"Path": "theirs"}, {"home": "there"}) == {"Path": "theirs", "home": "there"}


def test_variables_keep_their_names():
    assert merge({"Mixed": "1"}, {"other": "2"}) == {"Mixed": "1", "other": "2"}


class Files:
    """A disk with files, asked for in some order."""

    def __init__(self, *files):
        self.files = set(files)
        self.asked = []

    def __call__(self, path):
        self.asked.append(path)
        return path in self.files


def test_a_program_is_looked_for_in_the_path_of_the_child_in_its_order():
    files = Files(r"C:\b\tool.exe", r"C:\c\tool.exe")
    assert find_program("tool", {"Path": r"C:\a;C:\b;C:\c"}, None, files) == r"C:\b\tool.exe"


def test_a_name_is_taken_as_it_is_before_it_is_completed():
    files = Files(r"C:\a\tool", r"C:\a\tool.com", r"C:\a\tool.exe")
    assert find_program("tool", {"PATH": r"C:\a"}, None, files) == r"C:\a\tool"
    files.files.remove(r"C:\a\tool")
    assert find_program("tool", {"PATH": r"C:\a"}, None, files) == r"C:\a\tool.com"


def test_a_name_that_is_complete_is_not_completed():
    files = Files(r"C:\a\tool.exe.exe")
    with pytest.raises(RefusedError):
        find_program("tool.exe", {"PATH": r"C:\a"}, None, files)
    assert files.asked == [r"C:\a\tool.exe"]


def test_it_is_looked_for_nowhere_else():
    files = Files("tool.exe", r"C:\here\tool.exe")
    with pytest.raises(RefusedError) as caught:
        find_program("tool.exe", {}, r"C:\here", files)
    assert files.asked == []
    assert caught.value.answer.errno == errno.ENOENT
    assert "not found in PATH" in caught.value.answer.why


def test_quotes_in_the_path_are_none_of_a_name_and_empty_entries_are_no_places():
    files = Files(r"C:\a b\tool.exe")
    assert find_program("tool.exe", {"PATH": r';"C:\a b";""'}, None, files) == r"C:\a b\tool.exe"
    assert files.asked == [r"C:\a b\tool.exe"]


@pytest.mark.parametrize("program", [r"sub\tool.exe", "sub/tool.exe", r".\tool.exe"])
def test_one_with_a_directory_counts_from_where_the_child_will_be(program):
    wanted = "C:\\here\\" + program
    assert find_program(program, {"PATH": r"C:\a"}, r"C:\here", Files(wanted)) == wanted


def test_an_absolute_one_is_where_it_says():
    assert find_program(r"D:\tool.exe", {}, r"C:\here", Files(r"D:\tool.exe")) == r"D:\tool.exe"
    with pytest.raises(RefusedError, match=r"was not found$"):
        find_program(r"D:\tool.exe", {"PATH": r"D:\\"}, None, Files())


@pytest.mark.parametrize("name", ["tool.bat", "tool.CMD"])
def test_a_batch_file_is_refused_because_a_shell_would_read_its_arguments(name):
    with pytest.raises(RefusedError, match=r"write \['cmd.exe', '/d', '/c'") as caught:
        find_program(name, {"PATH": r"C:\a"}, None, Files("C:\\a\\" + name))
    assert caught.value.answer.errno == errno.ENOEXEC
