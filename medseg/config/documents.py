"""A YAML file with overrides: its values, and where each of them stands.

Scalars are read as in the core schema of YAML 1.2 (section 10.3.2): ``1e-3`` is a number, ``off`` and a date are
words. PyYAML itself follows YAML 1.1, where 1e-3 is a word and off is false.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from medseg.contracts import Refused

FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$")
BOOL = re.compile(r"(true|True|TRUE|false|False|FALSE)$")


class Loader(yaml.SafeLoader):
    """Plain scalars as in YAML 1.2."""


class Dumper(yaml.SafeDumper):
    """Quotes every word that YAML 1.1 or 1.2 would take for something else."""


Loader.yaml_implicit_resolvers = {
    first: [row for row in rows if row[0].rpartition(":")[2] not in ("bool", "float", "timestamp")]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", BOOL, list("tTfF"))
for _schema in (Loader, Dumper):
    _schema.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+.0123456789"))


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
            node, content = _parsed(value)
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
        node, values = _parsed(text)
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


def _parsed(text: str) -> tuple[yaml.Node | None, Any]:
    """The document as nodes, which know their lines, and as values."""
    return yaml.compose(text, Loader=Loader), yaml.load(text, Loader=Loader)


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
