"""Every key of a config with its default, what may stand there, and its sentence: read off the sections themselves."""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from medseg.contracts import Refused, complaint

REQUIRED = "required"
"""In place of the default of a key that has none."""

WORDS = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false"}
BOUNDS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key."""

    name: str
    """Dotted, as an override has it."""
    default: str
    """As YAML, or REQUIRED."""
    values: str
    """What may stand there."""
    meaning: str
    """A sentence or two."""

    def __str__(self) -> str:
        default = REQUIRED if self.default == REQUIRED else f"default {self.default}"
        lines = textwrap.wrap(f"{self.values}; {default}", 100) + textwrap.wrap(self.meaning, 100)
        return "\n".join([self.name, *(f"    {line}" for line in lines)])


def keys_of(kind: type[BaseModel]) -> list[Key]:
    """The keys of a section and of those below it, in their order."""
    schema = kind.model_json_schema()
    return list(_keys(schema, schema.get("$defs", {}), ""))


def chosen(keys: Sequence[Key], section: str) -> list[Key]:
    """The keys of a section, ``data`` or ``data.split``, or the one of that name.

    Raises Refused where there is none.
    """
    found = [key for key in keys if f"{key.name}.".startswith(f"{section}.")]
    if found:
        return found
    parts = (key.name.split(".") for key in keys)
    known = list(dict.fromkeys(".".join(part[:depth]) for part in parts for depth in range(1, len(part) + 1)))
    close = difflib.get_close_matches(section, known, 1, 0.5)
    got = f"{section}; did you mean {close[0]}?" if close else section
    sections = dict.fromkeys(name.partition(".")[0] for name in known)
    raise Refused([complaint("section", f"one of {', '.join(sections)}, or a key below it", got, "config")])


def as_markdown(keys: Sequence[Key]) -> str:
    """A table."""
    rows = ((f"`{key.name}`", _code(key.default), key.values, key.meaning) for key in keys)
    cells = (" | ".join(cell.replace("|", "\\|").replace("``", "`") for cell in row) for row in rows)
    return "\n".join(["| key | default | what may stand there | what it is |", "| --- | --- | --- | --- |",
                      *(f"| {row} |" for row in cells)])  # fmt: skip


def _keys(section: Mapping[str, Any], definitions: Mapping[str, Any], above: str) -> Iterator[Key]:
    for name, field in section["properties"].items():
        if "$ref" in field:
            yield from _keys(definitions[field["$ref"].rpartition("/")[2]], definitions, f"{above}{name}.")
            continue
        required = name in section.get("required", ())
        yield Key(
            name=above + name,
            default=REQUIRED if required else _default(field.get("default", {})),
            values=_values(field),
            meaning=" ".join(field.get("description", "").split()),
        )


def _values(field: Mapping[str, Any]) -> str:
    """What a JSON schema allows, in words."""
    if "anyOf" in field:
        listed = any(option.get("type") == "array" for option in field["anyOf"])
        return (", or " if listed else " or ").join(map(_values, field["anyOf"]))
    if "enum" in field:
        return f"one of {', '.join(map(str, field['enum']))}"
    if "const" in field:
        return str(field["const"])
    kind = field.get("type")
    if kind == "null":
        return "null"
    if kind == "array":
        items = field.get("prefixItems")
        return (
            f"a list of {len(items)}: {_values(items[0])} each" if items else f"a list, each {_values(field['items'])}"
        )
    if kind == "object":
        if "propertyNames" not in field:
            return "keys and values"
        return f"keys {', '.join(field['propertyNames']['enum'])}, each {_values(field['additionalProperties'])}"
    bounds = [f"{sign} {_number(field[name])}" for name, sign in BOUNDS.items() if name in field]
    return " ".join([WORDS[kind or "string"], *[" and ".join(bounds)][: len(bounds)]])


def _default(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _number(value: float) -> str:
    return "2^63" if value == 2**63 else f"{value:g}"


def _code(text: str) -> str:
    return text if text == REQUIRED else f"`{text}`"
