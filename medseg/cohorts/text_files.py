"""Text and YAML that somebody else wrote, read so that no content of it takes long or passes for another.

YAML is looked through before anything is made of it: neither deep nor with aliases (a few hundred bytes of them stand
for gigabytes), and no key stands twice (the last would win in silence).
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from medseg.contracts import Refused, complaint

MOST_YAML_BYTES = 2**20
"""Of a YAML file; one with a thousand classes has 20,000."""
MOST_TEXT_BYTES = 2**28
"""Of a table; one of a million masks has 100 million."""
MOST_DEPTH = 20
"""Of brackets and indents within one another."""


def read_text(path: Path, *, most_bytes: int = MOST_TEXT_BYTES) -> str:
    """A file of UTF-8, with or without its mark. Raises Refused for anything else, and for more than ``most_bytes``."""
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise Refused([complaint(path.name, "a file", "a folder", str(path))])
        if size > most_bytes:
            raise Refused([complaint(path.name, f"at most {most_bytes} bytes", size, str(path))])
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise Refused([complaint(path.name, "a file", "none", str(path))]) from error
    except OSError as error:
        raise Refused([complaint(path.name, "a file", error.strerror or type(error).__name__, str(path))]) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused([complaint(path.name, "UTF-8 text", f"byte {error.start}", str(path))]) from error
    if "\0" in text:
        got = f"a zero at byte {content.index(0)}: UTF-16, or no text at all"
        raise Refused([complaint(path.name, "UTF-8 text", got, str(path))])
    return text


def read_yaml(path: Path) -> Any:
    """Raises Refused as ``read_text`` and ``parse_yaml`` do."""
    return parse_yaml(read_text(path, most_bytes=MOST_YAML_BYTES), path.name, str(path))


def parse_yaml(text: str, what: str, where: str) -> Any:
    """The values of a YAML text. Raises Refused, in one sentence that begins with ``what``.

    >>> parse_yaml("classes: {a: 0, b: 1}", "cohort.yaml", "here")
    {'classes': {'a': 0, 'b': 1}}
    """
    try:
        fault = _fault(text)
        node = None if fault else yaml.compose(text, Loader=yaml.SafeLoader)
        fault = fault or _twice(node)
        if fault is None:
            return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        fault = _cut(" ".join(str(error).split()))
    raise Refused([complaint(what, "YAML", fault, where)])


def _fault(text: str) -> str | None:
    """What makes a text too much to be read, found by its events one after the other."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            return f"an alias, *{_cut(str(event.anchor))}, in line {_line(event)}: write its content out"
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MOST_DEPTH:
                return f"more than {MOST_DEPTH} levels within one another in line {_line(event)}"
        depth -= isinstance(event, yaml.CollectionEndEvent)
    return None


def _twice(node: yaml.Node | None) -> str | None:
    """The first key that a mapping holds twice, by what it means: ``a`` and ``"a"`` are one key."""
    if isinstance(node, yaml.SequenceNode):
        return next((found for item in node.value if (found := _twice(item))), None)
    if not isinstance(node, yaml.MappingNode):
        return None
    lines: dict[Hashable, int] = {}
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            line = _line(key)
            if (key.tag, key.value) in lines:
                first = lines[key.tag, key.value]
                return f"the key {_cut(key.value)} in line {line}, which stands in line {first} already"
            lines[key.tag, key.value] = line
        if found := _twice(value):
            return found
    return None


def _line(part: yaml.Event | yaml.Node) -> int:
    return part.start_mark.line + 1 if part.start_mark else 1


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}..."
