"""A YAML file with overrides: its values, and where each of them stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medseg.contracts import MOST_YAML_BYTES, NotYaml, Refused, parse_yaml, read_text, shortened


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
            read = parse_yaml(value)
        except NotYaml as error:
            got = f"{shortened(value)!r}: {error}"
            self.complaints.append(f"override: expected a YAML value, got {got} ({shortened(dotted)})")
            return
        place = f"override '{shortened(text)}'"
        self.complaints += [f"{place}: {dotted}.{_twice(key.dotted)}" for key in read.twice]
        *parents, last = dotted.split(".")
        section = self.values
        for depth, parent in enumerate(parents, start=1):
            if not isinstance(section.get(parent), dict):
                section[parent] = {}
            section = section[parent]
            self.places.setdefault(".".join(parents[:depth]), place)
        section[last] = read.values
        self.places[dotted] = place


def read_document(path: Path) -> Document:
    """Read a YAML file. Raises Refused for one that is absent, no YAML, or no keys and values."""
    if not path.is_file():
        raise Refused([f"config: expected a YAML file, got nothing at this path ({path})"])
    return document_of(read_text(path, most_bytes=MOST_YAML_BYTES), str(path))


def document_of(text: str, file: str) -> Document:
    """A text that stands, or would stand, in this file. Raises Refused as ``read_document``."""
    try:
        read = parse_yaml(text)
    except NotYaml as error:
        raise Refused([f"{file}:{error.line}: expected YAML, got {error}"]) from None
    if not isinstance(read.values, dict):
        raise Refused([f"{file}:1: expected keys and values, got {type(read.values).__name__}"])
    document = Document(file=file, values=read.values, places={})
    document.places.update({key.dotted: f"{file}:{key.line}" for key in read.keys})
    document.complaints += [
        f"{file}:{key.line}: {_twice(key.dotted)} (the first stands in line {key.first})" for key in read.twice
    ]
    return document


def _twice(dotted: str) -> str:
    return f"{dotted}: expected one value, got another"
