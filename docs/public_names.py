"""A Sphinx extension: what autodoc and napoleon do not get right by themselves.

The types in signatures have private names (`regrow._specs.child.ChildSpec`), the docs have the public ones; a spec
is better read as fields with defaults than as a signature of fifteen arguments; an attribute's docstring is prose.
"""

import builtins
import functools
import importlib
import inspect
import re
from typing import Any

import attrs
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import PyXRefRole

PUBLIC = [
    "regrow",
    "regrow.readiness",
    "regrow.activity",
    "regrow.limits",
    "regrow.stopping",
    "regrow.events",
    "regrow.exceptions",
    "regrow.abc",
    "regrow.testing",
]
"""The modules that users import from. What is in two of them is documented in the first where it is found."""

COLON = "\ue000"  # a character that no docstring has


def setup(app: Sphinx) -> dict[str, Any]:
    """Have Sphinx ask us about what it does not get right by itself."""
    app.add_role("code-or-name", CodeOrName())
    app.connect("doctree-read", leave_builtins_alone)
    app.connect("missing-reference", find_public_name)
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("autodoc-process-docstring", hide_first_colon, priority=400)  # before napoleon, which has 500
    app.connect("autodoc-process-docstring", finish_attribute, priority=600)
    return {"parallel_read_safe": True}


# -- links -------------------------------------------------------------------------------------------------------------


class CodeOrName(PyXRefRole):
    """What is in backticks: a reference if it can be a name, else code as it stands."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Say what it becomes."""
        if not re.fullmatch(r"[A-Za-z_][\w.]*(\(\))?", self.text):
            return [nodes.literal(self.rawtext, self.text)], []
        self.name, self.refdomain, self.reftype, self.classes = "py:obj", "py", "obj", ["xref", "py", "py-obj"]
        return self.create_xref_node()


def leave_builtins_alone(app: Sphinx, doctree: nodes.document) -> None:
    """The type `bytes` is no reference to a field of ours that is called `bytes`."""
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node.get("refdomain") == "py" and node.get("reftype") == "class" and hasattr(builtins, node["reftarget"]):
            node.replace_self(node.children)


def find_public_name(app: Sphinx, env: Any, node: Any, contents: nodes.Element) -> nodes.Element | None:
    """A link to the public name of what *node* calls by its private one, or only by its last part."""
    if node.get("refdomain") != "py":
        return None
    domain = env.domains.python_domain
    for name in public_names().get(str(node.get("reftarget")), []):
        for kind in ("class", "exc", "func", "data"):
            found: nodes.Element | None = domain.resolve_xref(
                env, node.get("refdoc", ""), app.builder, kind, name, node, contents
            )
            if found is not None:
                return found
    return None


@functools.cache
def public_names() -> dict[str, list[str]]:
    """For each way to call something (`regrow._specs.child.ChildSpec`, `ChildSpec`): its public names, best first."""
    homes: dict[int, list[str]] = {}
    ways: dict[str, int] = {}
    for home in PUBLIC:
        module = importlib.import_module(home)
        for name in getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]:
            value = getattr(module, name)
            homes.setdefault(id(value), []).append(f"{home}.{name}")
            private = f"{getattr(value, '__module__', home)}.{getattr(value, '__qualname__', name)}"
            ways |= {way: ways.get(way, id(value)) for way in (private, f"{home}.{name}", name)}
    return {way: homes[number] for way, number in ways.items()}


# -- fields ------------------------------------------------------------------------------------------------------------


def shorten_signature(app: Sphinx, what: str, name: str, obj: Any, *more: Any) -> tuple[str, str] | None:
    """No signature for what is never made by users, or only with keywords, which are listed below it anyway."""
    _, arguments, _ = more
    if arguments is None:
        return None
    if what == "exception" or name in {"regrow.ChildHandle", "regrow.SupervisorHandle", "regrow.testing.FakeProcess"}:
        return "", ""
    if inspect.isclass(obj) and attrs.has(obj) and all(field.kw_only for field in attrs.fields(obj)):
        return "", ""
    return None


def hide_first_colon(app: Sphinx, what: str, *more: Any) -> None:
    """An attribute's docstring is prose: napoleon must not take what is before a colon for a type."""
    *_, lines = more
    if what in {"attribute", "data", "property"} and lines:
        lines[0] = lines[0].replace(":", COLON)


def finish_attribute(app: Sphinx, what: str, name: str, *more: Any) -> None:
    """Bring the colon back, and say what a field of a spec is if it is left out."""
    *_, lines = more
    if what in {"attribute", "data", "property"}:
        lines[:] = [line.replace(COLON, ":") for line in lines]
    if what == "attribute" and (field := field_of_spec(name)):
        lines.append("")
        lines.append("Required." if field.default is attrs.NOTHING else f"Default: ``{shown(field.default)}``.")
        lines.append("")


def field_of_spec(name: str) -> Any:
    """The attrs field called *name*, such as `regrow.ChildSpec.cwd`, if its class checks what it is given."""
    home, _, attribute = name.rpartition(".")
    module, _, kind = home.rpartition(".")
    if not module.startswith("regrow"):
        return None
    cls = getattr(importlib.import_module(module), kind, None)
    fields = attrs.fields_dict(cls) if inspect.isclass(cls) and attrs.has(cls) else {}
    field = fields.get(attribute)
    return field if field is not None and "regrow.validator" in field.metadata else None


def shown(default: Any) -> str:
    """A default as one would write it."""
    value = default.factory() if isinstance(default, attrs.Factory) else default
    if isinstance(value, frozenset):
        return repr(set(value)) if value else "()"
    if inspect.isclass(type(value)) and attrs.has(type(value)):
        return f"{type(value).__name__}()"
    if hasattr(value, "items"):
        return "{}"
    return repr(str(value)) if isinstance(value, str) else repr(value)
