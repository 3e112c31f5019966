"""The site: the pages of the repository as they stand, and the API from its docstrings. `make docs` builds it."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

import medseg

project, version = "medseg", medseg.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "docs/README"
include_patterns = ["*.md", "data/README.md", "docs/*.md", "docs/api.rst"]
myst_heading_anchors = 4
python_maximum_signature_line_length = 100
autodoc_member_order = "bysource"
html_theme = "furo"
html_title = f"medseg {version}"
html_show_copyright = False


def add_contents(app: Sphinx, name: str, source: list[str]) -> None:
    """The table of pages on the first page is the site's table of contents too."""
    if name == root_doc:
        rows = "\n".join(re.findall(r"^\| (\[.+?) \|", source[0], re.M))
        pages = re.findall(r"\]\(([^)]+)\.\w+\)", rows)
        source[0] += "\n".join(["", "```{toctree}", ":hidden:", *pages, "```", ""])


def list_rooms(app: Sphinx, what: str, name: str, item: object, options: Any, lines: list[str]) -> None:
    """What a room's docstring lists, a part per line, as a list of terms."""
    if what == "module":
        text = re.sub(r"^(``\w+``) {2,}(.+)((?:\n +.+)*)", r"\1\n    \2\3", "\n".join(lines), flags=re.M)
        lines[:] = re.sub(r"^ +", "    ", text, flags=re.M).split("\n")


def skip_shown(app: Sphinx, what: str, name: str, item: object, skip: bool, options: Any) -> bool | None:
    """What stands at the front door is not shown in its room again."""
    room = app.env.current_document.autodoc_module
    return True if room != "medseg" and name in medseg.__all__ and getattr(medseg, name) is item else None


def add_index(app: Sphinx, error: Exception | None) -> None:
    """A folder is entered by index.html."""
    if error is None:
        (app.outdir / "index.html").write_text(f'<meta http-equiv="refresh" content="0; url={root_doc}.html">\n')


def setup(app: Sphinx) -> None:
    """Sphinx calls it."""
    app.connect("source-read", add_contents)
    app.connect("autodoc-process-docstring", list_rooms)
    app.connect("autodoc-skip-member", skip_shown)
    app.connect("build-finished", add_index)
