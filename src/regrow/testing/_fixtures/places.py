"""A port and a directory for each child of a test, and the placeholders that stand for them in specs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from regrow._specs.child import ChildSpec
from regrow._specs.supervisor import DynamicSpec, SupervisorSpec, join
from regrow.testing._fixtures.ports import Port, reserve

_PLACEHOLDER = re.compile(r"\{(port|dir)(?::([A-Za-z0-9._@:/-]+))?\}")  # other braces are left alone: there is JSON

_Any = TypeVar("_Any")


class Places:
    """What the children of one tree have for themselves, by path; made when it is asked for."""

    def __init__(self, new_directory: Callable[[str], Path]) -> None:
        self._new_directory = new_directory
        self._ports: dict[str, Port] = {}
        self._directories: dict[str, Path] = {}

    def port(self, path: str) -> int:
        """A TCP port of 127.0.0.1 that nobody used a moment ago."""
        if path not in self._ports:
            self._ports[path] = reserve()
        return self._ports[path].number

    def directory(self, path: str) -> Path:
        """An empty directory."""
        if path not in self._directories:
            self._directories[path] = self._new_directory(path.replace("/", "-"))
        return self._directories[path]

    def release(self) -> None:
        """Give the ports back."""
        for port in self._ports.values():
            port.release()

    def fill(self, spec: _Any, path: str = ".") -> _Any:
        """*spec* with its placeholders replaced: `{port}`, `{dir}`, and those of others: `{port:db}`."""
        if isinstance(spec, SupervisorSpec):
            return attrs.evolve(spec, children=[self.fill(child, join(path, child.name)) for child in spec.children])
        if isinstance(spec, DynamicSpec):
            template = spec.template
            return attrs.evolve(spec, template=template and self._filled(template, join(path, template.name)))
        filled: _Any = self._filled(spec, path)
        return filled

    def fill_child(self, spec: ChildSpec) -> ChildSpec:
        """The same for a child directly below the root."""
        return self.fill(spec, spec.name)

    def _filled(self, value: Any, path: str) -> Any:
        if isinstance(value, str):
            return _PLACEHOLDER.sub(lambda found: self._word(found[1], found[2] or path), value)
        if type(value) is tuple:
            return tuple(self._filled(item, path) for item in value)
        if isinstance(value, Mapping):
            return {key: self._filled(item, path) for key, item in value.items()}
        return self._filled_fields(value, path) if attrs.has(type(value)) else value

    def _filled_fields(self, value: Any, path: str) -> Any:
        old = {field.alias: getattr(value, field.name) for field in attrs.fields(type(value)) if field.init}
        new = {name: self._filled(item, path) for name, item in old.items() if name != "name"}
        changed = {name: item for name, item in new.items() if item != old[name]}
        if not changed:
            return value
        return type(value)(*changed["probes"]) if "probes" in changed else attrs.evolve(value, **changed)

    def _word(self, what: str, path: str) -> str:
        return str(self.port(path) if what == "port" else self.directory(path))
