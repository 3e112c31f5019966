"""A YAML file with overrides: its values, and where each of them stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from medseg.contracts import Refused


@dataclass(kw_only=True)
class Document:
    """The content of a config, before anybody asks whether it makes sense."""

    file: str
    """Path of the YAML file."""
    values: dict[str, Any]
    """Keys and values, nested as in the file."""
    places: dict[str, str]
    """Dotted key -> ``file:line``, or the override that it comes from."""
    complaints: list[str] = field(default_factory=list)
    """What is wrong already: keys that stand twice, overrides that are none."""

    def place(self, dotted: str) -> str:
        """Where a key stands, or the nearest one above it that stands somewhere."""
        known = [key for key in self.places if f"{dotted}.".startswith(f"{key}.")]
        return self.places[max(known, key=len)] if known else self.file

    def override(self, text: str) -> None:
        """Put one ``dotted.key=value`` in; a complaint where it is not of that form."""
        dotted, equals, value = text.partition("=")
        if not equals or not dotted:
            self.complaints.append(f"override: expected dotted.key=value, got {text!r} (command line)")
            return
        try:
            node = yaml.compose(value, Loader=yaml.SafeLoader)
            content = yaml.safe_load(value)
        except yaml.YAMLError:
            self.complaints.append(f"override: expected a YAML value, got {value!r} ({dotted})")
            return
        place = f"override '{text}'"
        self.complaints += [f"{place}: {_twice(key)}" for key, _, first in _keys(node, f"{dotted}.") if first]
        *parents, last = dotted.split(".")
        section = self.values
        for depth, parent in enumerate(parents, start=1):
            if not isinstance(section.get(parent), dict):
                section[parent] = {}
            section = section[parent]
            self.places.setdefault(".".join(parents[:depth]), place)
        section[last] = content
        self.places[dotted] = place


def read_document(path: Path) -> Document:
    """Read a YAML file. Raises Refused for one that is absent, no YAML, or no keys and values."""
    if not path.is_file():
        raise Refused([f"config: expected a YAML file, got nothing at this path ({path})"])
    text = path.read_text()
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise Refused([f"{path}:{line}: expected YAML, got {getattr(error, 'problem', error)}"]) from None
    if not isinstance(values, dict):
        raise Refused([f"{path}:1: expected keys and values, got {type(values).__name__}"])
    document = Document(file=str(path), values=values, places={})
    for key, line, first in _keys(node):
        document.places[key] = f"{path}:{line}"
        if first:
            document.complaints.append(f"{path}:{line}: {_twice(key)} (the first stands in line {first})")
    return document


def _keys(node: yaml.Node | None, prefix: str = "") -> Iterator[tuple[str, int, int]]:
    """Dotted key, its line, and the line where the same key stood before (0: nowhere), in the order of the text."""
    lines: dict[str, int] = {}
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        dotted, line = f"{prefix}{key.value}", key.start_mark.line + 1
        yield dotted, line, lines.get(dotted, 0)
        lines.setdefault(dotted, line)
        yield from _keys(value, f"{dotted}.")


def _twice(dotted: str) -> str:
    return f"{dotted}: expected one value, got another"
