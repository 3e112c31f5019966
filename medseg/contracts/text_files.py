"""Files of text that somebody else wrote: UTF-8 of a bounded size, or a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medseg.contracts.refusal import Refused, complaint
from medseg.contracts.yaml_text import NotYaml, parse_yaml

MOST_YAML_BYTES = 2**20
"""Of a YAML file; one with a thousand classes has 20,000."""
MOST_TEXT_BYTES = 2**28
"""Of a table; one of a million masks has 100 million."""


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
    """The values of a YAML file. Raises Refused as ``read_text`` and ``yaml_values`` do."""
    return yaml_values(read_text(path, most_bytes=MOST_YAML_BYTES), path.name, str(path))


def yaml_values(text: str, what: str, where: str) -> Any:
    """The values of a YAML text. Raises Refused, in one sentence that begins with ``what``, for one that is none.

    A key that stands twice is a mistake too: the last would win in silence.

    >>> yaml_values("classes: {a: 0, b: 1}", "cohort.yaml", "here")
    {'classes': {'a': 0, 'b': 1}}
    """
    try:
        read = parse_yaml(text)
    except NotYaml as error:
        raise Refused([complaint(what, "YAML", f"{error} in line {error.line}", where)]) from None
    if read.twice:
        key = read.twice[0]
        got = f"the key {key.dotted} in line {key.line}, which stands in line {key.first} already"
        raise Refused([complaint(what, "YAML", got, where)])
    return read.values
