"""YAML that somebody else wrote, read so that no content of it takes long or passes for another.

A text is looked through before anything is made of it: neither deep nor with aliases (a few hundred bytes of them
stand for gigabytes). Scalars are read as in the core schema of YAML 1.2 (section 10.3.2): ``1e-3`` is a number, ``off``
and a date are words. PyYAML itself follows YAML 1.1, where 1e-3 is a word and off is false.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import yaml

MOST_DEPTH = 20
"""Of brackets and indents within one another."""

_NO_END = 2**20
"""Letters of a line that is not to be broken."""

FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$")
BOOL = re.compile(r"(true|True|TRUE|false|False|FALSE)$")


class _Loader(yaml.SafeLoader):
    """Plain scalars as in YAML 1.2."""


_InC: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _FastLoader(_InC):
    """The same in C, where PyYAML has it."""


class _Dumper(yaml.SafeDumper):
    """Quotes every word that YAML 1.1 or 1.2 would take for something else."""


_Loader.yaml_implicit_resolvers = {
    first: [row for row in rows if row[0].rpartition(":")[2] not in ("bool", "float", "timestamp")]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", BOOL, list("tTfF"))
for _schema in (_Loader, _Dumper):
    _schema.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+.0123456789"))
_FastLoader.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers

_ORDINARY = re.compile(r"[ -~\n]*")
"""Letters that both loaders take for the same, but for ``!`` and ``%``: they differ in tabs and empty tags."""


class NotYaml(Exception):
    """A text that is no YAML, or too much of it; the message says why."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(shortened(reason))
        self.line = line


_NOT_TAGGED = (LookupError, AttributeError, TypeError)
"""What PyYAML raises for ``!!int``, ``!!bool x`` and ``!!timestamp x``."""
_NOT_READ = (yaml.YAMLError, NotYaml, ValueError, OverflowError, RecursionError, *_NOT_TAGGED)


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key as it stands in a text."""

    dotted: str
    """With the keys above it, and the positions in lists: ``data.grid.size.0``."""
    line: int
    """Where it stands, counted from 1."""
    first: int
    """The line where the same key stands before; 0 where it is the first."""


@dataclass(frozen=True, kw_only=True)
class YamlText:
    """What a text says."""

    values: Any
    """Keys and values, lists, words and numbers; of a key that stands twice the last."""
    keys: tuple[Key, ...]
    """In the order of the text."""

    @property
    def twice(self) -> tuple[Key, ...]:
        """The keys that have stood before, by what they mean: ``a`` and ``"a"`` are one key."""
        return tuple(key for key in self.keys if key.first)


def parse_yaml(text: str) -> YamlText:
    """Read a text. Raises NotYaml.

    >>> parse_yaml("rate: 1e-3").values, parse_yaml("{a: 1, b: {c: off}}").keys[-1].dotted
    ({'rate': 0.001}, 'b.c')
    """
    if "!" not in text and "%" not in text and _ORDINARY.fullmatch(text):
        with suppress(*_NOT_READ):  # said by the other loader
            return _read(text, _FastLoader)
    try:
        return _read(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        raise NotYaml(str(reason), mark.line + 1 if mark else 1) from None
    except _NOT_TAGGED:
        raise NotYaml("a value that does not fit its tag (!!)") from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise NotYaml(" ".join(str(error).split())) from None


def dump_yaml(values: Any) -> str:
    """Values as a text that every reader of YAML takes for the same, in the order that they have."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def yaml_line(key: str, value: Any) -> str:
    """One key with its value in one line, lists and sections in brackets.

    >>> yaml_line("grid", {"mode": "resize", "size": [96, 96]})
    'grid: {mode: resize, size: [96, 96]}'
    """
    style = '"' if isinstance(value, str) and not value.isprintable() else None
    flow: dict[str, Any] = {"default_flow_style": True, "sort_keys": False, "allow_unicode": True, "width": _NO_END}
    text = yaml.dump({key: value}, Dumper=_Dumper, default_style=style, **flow)
    return text.strip()[1:-1]


def shortened(text: str) -> str:
    """No sentence is drowned in what it quotes."""
    return text if len(text) <= 200 else f"{text[:200]}..."


def _read(text: str, loader: type[_Loader | _FastLoader]) -> YamlText:
    _look_through(text, loader)
    node = yaml.compose(text, Loader=loader)
    return YamlText(values=None if node is None else _Loader("").construct_document(node), keys=tuple(_keys(node)))


def _look_through(text: str, loader: type[_Loader | _FastLoader]) -> None:
    """Raise NotYaml for what makes a text too much to be read, found by its events one after the other."""
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            raise NotYaml(f"an alias, *{shortened(str(event.anchor))}: write its content out", _line(event))
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MOST_DEPTH:
                raise NotYaml(f"more than {MOST_DEPTH} levels within one another", _line(event))
        depth -= isinstance(event, yaml.CollectionEndEvent)


def _keys(node: yaml.Node | None, prefix: str = "") -> Iterator[Key]:
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _keys(item, f"{prefix}{position}.")
    lines: dict[tuple[str, str], int] = {}
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode):
            dotted, line = f"{prefix}{key.value}", _line(key)
            yield Key(dotted=dotted, line=line, first=lines.get((key.tag, key.value), 0))
            lines.setdefault((key.tag, key.value), line)
            yield from _keys(value, f"{dotted}.")


def _line(part: yaml.Event | yaml.Node) -> int:
    return part.start_mark.line + 1 if part.start_mark else 1
