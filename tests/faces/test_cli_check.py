"""`regrow check`: everything that is wrong, at once; and how a target is found."""

import os
import sys

import pytest
from tests.faces.cli_command import write_tree

from regrow._cli.main import main

assert sys.platform != "win32"

GOOD = 'SupervisorSpec(name="app", children=[ChildSpec(name="a", command=children.sleeps())])'


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    """Everything happens in a directory of its own, and what is imported there is forgotten again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name in {"__regrow_main__", "tree", "helper", "package", "package.tree"}:
            del sys.modules[name]


@pytest.fixture
def check(tmp_path, capsys):
    """Write a file, check it, and return the exit code and what was printed."""

    def run(body=None, target="tree.py"):
        if body is not None:
            write_tree(tmp_path, body)
        code = main(["check", target])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


# -- what is wrong with a tree -----------------------------------------------------------------------------------------


def test_a_good_tree_is_outlined(check):
    code, printed = check(
        """
tree = SupervisorSpec(
    name="app",
    children=[
        ChildSpec(name="db", command=["sh", "-c", "exit"], ready=TcpPort(6390)),
        DynamicSpec(name="pool", max_restarts=1, template=ChildSpec(name="w", command=["sh"], restart="temporary")),
    ],
)
"""
    )
    assert code == 0
    assert printed.splitlines() == [
        "app     one_for_one  at most 3 restarts in 5 s",
        "  db    permanent    sh -c exit  (ready: TCP port 127.0.0.1:6390)",
        "  pool  dynamic      at most 1 restart in 5 s",
        "    w   temporary    sh",
    ]


def test_everything_is_said_at_once_each_with_its_path(check):
    code, printed = check(
        """
tree = SupervisorSpec(
    name="app",
    strategy="one_for_al",
    children=[
        ChildSpec(name="bad", command="sleep 1", stop=-1),
        SupervisorSpec(name="sub", children=[
            ChildSpec(name="x", command=["no-such-program"]),
            ChildSpec(name="y", command=["sh"], cwd="no/such/folder"),
        ]),
    ],
)
"""
    )
    assert code == 1
    assert printed.startswith("regrow: tree.py: 5 problems\n")
    for words in [
        "app.strategy: 'one_for_al' is not one of",
        "app/bad.command: must be a list of strings",
        "app/bad.stop.grace: must be at least 0",
        "app/sub/x.command: program 'no-such-program' is not in the child's PATH",
        "app/sub/y.cwd: there is no 'no/such/folder'",
    ]:
        assert f"  {words}" in printed


@pytest.mark.parametrize(
    ("child", "complaint"),
    [
        ('command=["pythn3"], env={"PATH": BIN}', "is not in the child's PATH; did you mean 'python3'?"),
        ('command=["sleep 3"]', "write ['sleep', '3']"),
        ('command=["sh"], env={"PATH": "/nowhere"}', "it is in ours, which the child does not have"),
        ('command=["sh"], env={"PATH": "/nowhere"}, inherit_env=False', "is not in the child's PATH"),
        ('command=["script.py"]', "there is such a file in its directory; write ['python', 'script.py'], or make it"),
        ('command=["./script.py"]', "is not executable; write ['python', './script.py'], or make it executable"),
        ('command=["run.sh"]', "there is such a file in its directory: write './run.sh'"),
        ('command=["./orphan"]', "is a script for '/no/such/interpreter', which is not there"),
        ('command=["plain"], env={"PATH": "."}', "program 'plain' is in ./., but is not executable"),
        ('command=["./folder"]', "is a directory"),
        ('command=["./dangling"]', "is a link that leads nowhere"),
        ('command=["./scrip.py"]', "there is no program './scrip.py'; did you mean 'script.py'?"),
        ('command=["./no/such"]', "there is no directory 'no' either"),
        ('command=["sh"], cwd="script.py"', "'script.py' is no directory"),
        ('command=["sh"], cwd="foldr"', "there is no 'foldr'; did you mean 'folder'?"),
        ('command=["sh"], output=OutputPolicy(to="file", file="logs/a.log")', "there is no directory 'logs'"),
        ('command=["sh"], output=OutputPolicy(to="file", file="folder")', "'folder' is a directory"),
        ('command=["sh"], stop=Stop(steps=[Run(["no-such-step"])])', "a.stop.steps[0].command: program 'no-such-step'"),
    ],
)
def test_what_is_not_there_is_said_with_a_hint(check, tmp_path, child, complaint):
    for name, content, mode in [
        ("script.py", "print()", 0o644),
        ("plain", "", 0o644),
        ("run.sh", "#!/bin/sh\n", 0o755),
        ("orphan", "#!/no/such/interpreter -x\n", 0o755),
        ("folder/bin/python3", "", 0o755),
    ]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(mode)
    (tmp_path / "dangling").symlink_to("nowhere")
    body = f"BIN = 'folder/bin'\ntree = SupervisorSpec(name='app', children=[ChildSpec(name='a', {child})])"
    code, printed = check(body)
    assert code == 1
    assert "regrow: tree.py: 1 problem\n" in printed
    assert complaint in printed


def test_programs_are_looked_for_where_the_child_will_be(check, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "run").write_text("#!/bin/sh\n")
    (tmp_path / "folder" / "run").chmod(0o755)
    assert (
        check("tree = SupervisorSpec(name='app', children=[ChildSpec(name='a', command=['./run'], cwd='folder')])")[0]
        == 0
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_is_said(check, tmp_path):
    (tmp_path / "out.log").touch(mode=0o444)
    policy = "OutputPolicy(to='file', file='out.log')"
    code, printed = check(
        f"tree = SupervisorSpec(name='app', children=[ChildSpec(name='a', command=['sh'], output={policy})])"
    )
    assert code == 1
    assert "may not be written" in printed


# -- how a target is found ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "target"),
    [
        (f"anything = {GOOD}", "tree.py"),
        (f"anything = {GOOD}", "./tree.py:anything"),
        (f"anything = {GOOD}", "tree:anything"),
        (f"anything = {GOOD}", "tree"),
        (f"class Trees: first = {GOOD}", "tree.py:Trees.first"),
        (f"def make(): return {GOOD}", "tree.py:make"),
        (f"def make(strategy='x'): return {GOOD}", "tree.py:make"),
        (f"def app(): return {GOOD}", "tree.py"),
        (f"a = {GOOD}\napp = {GOOD}", "tree.py"),
        (f"part = {GOOD}\nwhole = SupervisorSpec(name='all', children=[part])", "tree.py"),
        (f"a = b = {GOOD}", "tree.py"),
        ("pool = DynamicSpec(name='pool')", "tree.py"),
    ],
)
def test_a_tree_is_found(check, body, target):
    assert check(body, target)[0] == 0


def test_the_directory_of_a_file_is_looked_in_for_modules(check, tmp_path):
    (tmp_path / "sub").mkdir()
    write_tree(tmp_path / "sub", "NAME = 'app'", "helper.py")
    write_tree(tmp_path / "sub", "import helper; tree = SupervisorSpec(name=helper.NAME)")
    assert check(target="sub/tree.py")[0] == 0


def test_a_module_in_a_package_is_found(check, tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    write_tree(tmp_path / "package", f"app = {GOOD}")
    assert check(target="package.tree:app")[0] == 0


@pytest.mark.parametrize(
    ("body", "target", "code", "complaint"),
    [
        ("", "tre.py", 2, "tre.py: no such file; did you mean tree.py?"),
        ("", ".", 2, ".: is a directory; name a Python file in it (tree.py)"),
        ("", "tre:app", 2, "tre: no such module; did you mean tree.py?"),
        ("", "a-b:app", 2, "'a-b' is neither a file nor the name of a module"),
        (f"tree = {GOOD}", "tree.py:tee", 2, "tree.py: has no tee; did you mean tree?"),
        (f"tree = {GOOD}", "tree.py:xyzzy", 2, "tree.py: has no xyzzy; there is: tree (a SupervisorSpec)"),
        (f"a = {GOOD}\nb = {GOOD}", "tree.py", 2, "there is more than one tree; say which"),
        ("", "tree.py", 1, "there is no spec and no function at all"),
        ("def f(): ...", "tree.py", 1, "there is: f (a function)"),
        ("a = ChildSpec(name='a', command=['sh'])", "tree.py", 1, "there is: a (a ChildSpec)"),
        ("a = ChildSpec(name='a', command=['sh'])", "tree.py:a", 1, "is a ChildSpec; put it into a tree"),
        ("def f(): return [1]", "tree.py:f", 1, "tree.py:f() returned no SupervisorSpec or DynamicSpec, but a list"),
        ("def f(x): ...", "tree.py:f", 1, "tree.py:f needs arguments"),
        ("async def f(): ...", "tree.py:f", 1, "tree.py:f is an async function"),
        ("sys.exit(3)", "tree.py", 1, "it called sys.exit(3) while it was loaded"),
    ],
)
def test_what_is_not_found_is_said_with_what_is_there(check, body, target, code, complaint):
    assert check(body, target)[0] == code
    assert complaint in check(body, target)[1]


@pytest.mark.parametrize("target", ["tree.py", "tree:app"])
@pytest.mark.parametrize("body", ["def f(): return {}['x']\nf()", "def app(): return {}['x']"])
def test_an_exception_while_loading_is_told_by_the_users_own_traceback(check, body, target):
    code, printed = check(body, target)
    assert code == 1
    assert printed.startswith(f"regrow: {target.partition(':')[0]}: it cannot be loaded\n\nTraceback")
    assert printed.endswith("KeyError: 'x'\n")
    files = [line.split('"')[1] for line in printed.splitlines() if line.startswith("  File ")]
    assert files
    assert {os.path.basename(file) for file in files} == {"tree.py"}


def test_a_syntax_error_is_shown_in_its_line(check):
    code, printed = check("tree = = 3")
    assert code == 1
    assert "    tree = = 3\n" in printed
    assert "SyntaxError: invalid syntax" in printed
    assert "importlib" not in printed


def test_a_module_that_the_file_does_not_find_is_the_files_own_error(check):
    code, printed = check("import no_such_module_at_all", "tree:app")
    assert code == 1
    assert "ModuleNotFoundError: No module named 'no_such_module_at_all'" in printed
