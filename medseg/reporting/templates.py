"""The HTML that pages are filled into: page.html, and album.html, which a notebook shows without a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def template(name: str) -> Any:
    """A file of this folder, in which names from the data are text, whatever they hold."""
    places = FileSystemLoader(Path(__file__).parent)
    return Environment(loader=places, autoescape=True, undefined=StrictUndefined).get_template(name)
