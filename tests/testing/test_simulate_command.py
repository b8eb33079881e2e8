"""`regrow simulate`: a table, or what is wrong."""

import pytest
from tests.faces.cli_command import finished, write_tree

BODY = 'tree = SupervisorSpec(name="app", max_restarts=100, children=[ChildSpec(name="web", command=["not-here"])])'


def lines(stream):
    return "\n".join(stream.lines)


def test_it_prints_a_table_and_needs_none_of_the_programs(tmp_path):
    write_tree(tmp_path, BODY)
    command, code = finished("simulate", "tree.py", "--fail", "w*=3600,2", "--runs", "3", cwd=tmp_path)
    assert code == 0, lines(command.stderr)
    head, web, *_ = command.stdout.lines
    assert head.split() == ["child", "restarts/h", "availability"]
    name, rate, availability = web.split()
    assert name == "web"
    assert 0.5 < float(rate) < 2
    assert 99.8 < float(availability.rstrip("%")) < 100
    assert any("of 3 runs" in line for line in command.stdout.lines)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--fail", "web"], "--fail: must be PATTERN=EVERY,TAKES,CHANCE"),
        (["--fail", "web=a"], "--fail: must be PATTERN=EVERY,TAKES,CHANCE"),
        (["--fail", "web=1,2,0.5,4"], "--fail: must be PATTERN=EVERY,TAKES,CHANCE"),
        (["--fail", "web=1,2,5"], "failures.start_fails: must be from 0 to 1, not 5"),
        (["--fail", "db=1"], "failures['db']: fits no child; there are web"),
        (["--fail", "web=1", "--runs", "0"], "runs: must be 1 or more, not 0"),
    ],
)
def test_numbers_that_make_no_sense_are_told(tmp_path, words, problem):
    write_tree(tmp_path, BODY)
    command, code = finished("simulate", "tree.py", *words, cwd=tmp_path)
    assert code == 1
    assert problem in lines(command.stderr)


def test_a_file_that_is_not_there_is_told(tmp_path):
    command, code = finished("simulate", "tree.py", "--fail", "a=1", cwd=tmp_path)
    assert code == 2
    assert "tree.py" in lines(command.stderr)
