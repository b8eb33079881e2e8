"""The command and the package cost nothing until they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import regrow
from regrow._cli.main import main

ALL = vars(regrow)["__all__"]
HEAVY = {"trio", "attr", "attrs", "structlog", "psutil", "asyncio", "typing"}


def loaded_by(code):
    """The modules that are loaded when a fresh Python has run *code*."""
    # -S: without site, where other packages of the environment may hang their imports.
    paths = [str(Path(regrow.__file__).parents[1]), *(path for path in sys.path if path.endswith("-packages"))]
    program = f"import sys; sys.path += {paths!r}\n{code}\nprint(*sys.modules, file=sys.stderr)"
    result = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True)
    return set(result.stderr.split())


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["check", "--help"], ["doctor", "--help"]])
def test_help_imports_nothing_but_argparse(words):
    loaded = loaded_by(f"from regrow._cli.main import main\ntry: main({words!r})\nexcept SystemExit: pass")
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("regrow")} == {"regrow", "regrow._cli", "regrow._cli.main"}


def test_check_needs_no_event_loop(tmp_path):
    (tmp_path / "tree.py").write_text("from regrow import SupervisorSpec\ntree = SupervisorSpec(name='app')\n")
    loaded = loaded_by(f"from regrow._cli.main import main; main(['check', {str(tmp_path / 'tree.py')!r}])")
    assert not loaded & {"trio", "structlog", "psutil"}


def test_importing_the_package_imports_nothing():
    loaded = loaded_by("import regrow; regrow.__all__; dir(regrow)")
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("regrow")} == {"regrow"}


def test_every_name_that_type_checkers_see_is_there_and_no_other():
    source = ast.parse(Path(regrow.__file__).read_text(encoding="utf-8"))
    declared = next(node for node in source.body if isinstance(node, ast.If)).body
    imports = [node for node in declared if isinstance(node, ast.ImportFrom)]
    seen = {alias.name: str(node.module) for node in imports for alias in node.names}
    assert sorted(seen) == sorted(ALL)
    assert set(ALL) <= set(dir(regrow))
    for name, home in seen.items():
        assert getattr(regrow, name) is getattr(__import__(home, fromlist=[name]), name)


def test_a_star_import_brings_every_name():
    namespace = {}
    exec("from regrow import *", namespace)
    assert set(ALL) <= set(namespace)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'regrow' has no attribute 'Nothing'"):
        getattr(regrow, "Nothing")  # noqa: B009  a type checker sees that it is not there


def test_the_version_is_shown(capsys):
    assert main(["version"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("regrow ")
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("words", [[], ["fly"], ["run"], ["run", "--log-format", "xml", "tree.py"]])
def test_wrong_words_are_a_usage_error(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: regrow" in capsys.readouterr().err


def test_python_m_regrow_is_the_command():
    result = subprocess.run([sys.executable, "-m", "regrow", "version"], capture_output=True, text=True)
    assert result.stdout.startswith("regrow ")
