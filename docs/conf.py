"""How Sphinx builds these docs: ``nox -s docs``."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for public_names

project = "regrow"
author = "the regrow authors"
copyright = author
version = release = version_of("regrow")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinxcontrib_trio",
    "public_names",
]
html_theme = "furo"
html_title = "regrow"
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "undoc-members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_numpy_docstring = False

# In docstrings, `name` is code, and a link where it names something that is documented.
default_role = "code-or-name"  # of public_names

# A reference to one of our own public names must lead somewhere. Other projects' names cannot be looked up:
# that would need the network while building.
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", ".*"),
    ("py:.*", r"(?!regrow\b).*"),
]
