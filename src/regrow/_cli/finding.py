"""Which spec of a module is the tree."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from regrow._specs.child import ChildSpec
from regrow._specs.supervisor import AnySupervisorSpec, DynamicSpec, SupervisorSpec, walk

PREFERRED = ("tree", "app", "spec")
"""What a tree is called that needs no attribute, even if there are others."""

_TREE = (SupervisorSpec, DynamicSpec)


class TargetError(Exception):
    """There is no such file, module or attribute."""


class BrokenTargetError(TargetError):
    """It is there, but there is no tree in it, or it cannot even be loaded."""


def find(module: ModuleType, attribute: str | None, home: str) -> AnySupervisorSpec:
    """The tree in *module*, which was loaded from *home*.

    Raises:
        TargetError: there is no *attribute*, or no saying which spec is meant.
        BrokenTargetError: what is there is no tree.
    """
    name = _only_name(module, home) if attribute is None else attribute
    value = _get(module, name, home)
    if callable(value):
        return _checked(_called(value, f"{home}:{name}"), f"{home}:{name}() returned")
    return _checked(value, f"{home}:{name} is")


def _get(module: ModuleType, attribute: str, home: str) -> Any:
    value: Any = module
    for part in attribute.split("."):
        if not hasattr(value, part):
            names = [name for name in dir(value) if not name.startswith("_")]
            near = difflib.get_close_matches(part, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; {_what_is_there(module)}"
            raise TargetError(f"{home}: has no {attribute}{hint}")
        value = getattr(value, part)
    return value


def _only_name(module: ModuleType, home: str) -> str:
    """The name of the tree that is meant when none is named."""
    names = list(_roots(module).values())
    functions = [name for name in PREFERRED if inspect.isfunction(getattr(module, name, None))]
    match [name for name in PREFERRED if name in names] or names or functions:
        case [name, *_] if name in PREFERRED:
            return name
        case [name]:
            return name
        case []:
            hint = f"; {_what_is_there(module)}"
            raise BrokenTargetError(f"{home}: there is no SupervisorSpec or DynamicSpec at its top level{hint}")
        case _:
            choices = "".join(f"\n  {home}:{name}" for name in names)
            raise TargetError(f"{home}: there is more than one tree; say which, or call one of them app:{choices}")


def _roots(module: ModuleType) -> dict[int, str]:
    """The names of the trees that are not parts of others, by identity: a tree may have two names."""
    trees = {name: value for name, value in _public(module).items() if isinstance(value, _TREE)}
    parts = {id(part) for tree in trees.values() for path, part in _walk(tree) if path != "."}
    roots: dict[int, str] = {}
    for name in sorted(trees, key=lambda name: name not in PREFERRED):
        if id(trees[name]) not in parts:
            roots.setdefault(id(trees[name]), name)
    return roots


def _called(function: Callable[[], Any], words: str) -> Any:
    if inspect.iscoroutinefunction(function):
        raise BrokenTargetError(f"{words} is an async function; write a plain one, which returns the spec")
    try:
        inspect.signature(function).bind()
    except TypeError:
        raise BrokenTargetError(f"{words} needs arguments; write a function without any that returns it") from None
    except ValueError:  # something built in, which says nothing about itself
        pass
    return function()


def _checked(value: Any, words: str) -> AnySupervisorSpec:
    if isinstance(value, _TREE):
        return value
    if isinstance(value, ChildSpec):
        hint = f"; put it into a tree: SupervisorSpec(name='app', children=[{value.name}])"
        raise BrokenTargetError(f"{words} a ChildSpec{hint}")
    raise BrokenTargetError(f"{words} no SupervisorSpec or DynamicSpec, but {_a(value)}")


def _what_is_there(module: ModuleType) -> str:
    """In words: what could have been meant."""
    found = [
        f"{name} ({'a function' if inspect.isfunction(value) else _a(value)})"
        for name, value in _public(module).items()
        if isinstance(value, (*_TREE, ChildSpec)) or (inspect.isfunction(value) and value.__module__ == module.__name__)
    ]
    return f"there is: {', '.join(found)}" if found else "there is no spec and no function at all"


def _public(module: ModuleType) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}


def _walk(tree: AnySupervisorSpec) -> list[tuple[str, Any]]:
    try:
        return list(walk(tree))
    except (AttributeError, TypeError):  # it was made leniently, and something in it is no spec
        return []


def _a(value: Any) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"
