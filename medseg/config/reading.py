"""YAML and overrides -> a config, or every mistake at once.

An unknown key or a wrong value is named with file and line, the dotted key, and what was probably meant.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from medseg.config.documents import Document, document_of, read_document
from medseg.contracts import Refused, dump_yaml, shortened


def load_config(path: Path, kinds: Sequence[type[BaseModel]], overrides: Sequence[str] = ()) -> Any:
    """Read a YAML file, apply ``dotted.key=value`` overrides, validate as one of ``kinds``: its recipe says which.

    Raises Refused with one line per mistake: ``x.yaml:12: training.pateince: unknown key; did you mean patience?``
    """
    return _loaded(read_document(path), kinds, overrides)


def parse_config(text: str, file: str, kinds: Sequence[type[BaseModel]], overrides: Sequence[str] = ()) -> Any:
    """``load_config`` of a text that would stand in this file."""
    return _loaded(document_of(text, file), kinds, overrides)


def _loaded(document: Document, kinds: Sequence[type[BaseModel]], overrides: Sequence[str]) -> Any:
    for override in overrides:
        document.override(override)
    complaints = document.complaints + _unknown_recipe(document, kinds)
    config, kind = None, _kind(document, kinds)
    try:
        config = kind.model_validate(document.values)
    except ValidationError as error:
        for problem in error.errors():
            if problem["loc"] != ("recipe",) or "recipe" not in document.values:  # else it is named already
                complaints += _sentences(problem, document, kind)
    if config is None or complaints:
        raise Refused(complaints)
    return config


def dump_config(config: BaseModel) -> str:
    """The resolved config as YAML; reading it back gives an equal object."""
    return dump_yaml(config.model_dump(mode="json"))


def recipes(kind: type[BaseModel]) -> tuple[str, ...]:
    """The recipes that a kind of config may name."""
    return get_args(kind.model_fields["recipe"].annotation)


def _kind(document: Document, kinds: Sequence[type[BaseModel]]) -> type[BaseModel]:
    """The one whose recipe the document names, else the first."""
    return next((kind for kind in kinds if document.values.get("recipe") in recipes(kind)), kinds[0])


def _unknown_recipe(document: Document, kinds: Sequence[type[BaseModel]]) -> list[str]:
    """A recipe of no method."""
    known, got = [recipe for kind in kinds for recipe in recipes(kind)], document.values.get("recipe")
    if "recipe" not in document.values or got in known:
        return []
    place, meant = document.place("recipe"), _did_you_mean(str(got), known)
    return [f"{place}: recipe: expected one of {', '.join(known)}, got {got!r}{meant}"]


def _sentences(problem: Any, document: Document, kind: type[BaseModel]) -> list[str]:
    """One pydantic error as lines ``place: key: what is wrong``; several where a section's own check found several."""
    if not problem["loc"]:
        lines = problem["msg"].removeprefix("Value error, ").split("\n")
        return [f"{document.place(line.split(':')[0])}: {line}" for line in lines]
    unknown = problem["type"] == "extra_forbidden"  # a key of any letters, as the file has it
    location = list(problem["loc"] if unknown else takewhile(_is_key, problem["loc"]))
    dotted = ".".join(map(str, location))
    return [f"{document.place(dotted)}: {shortened(dotted)}: {_what_is_wrong(problem, location, kind)}"]


def _is_key(part: str | int) -> bool:
    """Whether a part of a location stands in the file; pydantic adds names of its own, as ``constrained-int``."""
    return isinstance(part, int) or part.replace("_", "").isalnum()


def _what_is_wrong(problem: Any, location: Sequence[str | int], kind: type[BaseModel]) -> str:
    """What is wrong with the value at a location, and what was probably meant."""
    if problem["type"] == "extra_forbidden":
        fields = _fields(kind, location[:-1])
        return "unknown key" + (_did_you_mean(str(location[-1]), fields) or f"; known: {', '.join(fields)}")
    if problem["type"] == "missing":
        return "expected a value, got none"
    if problem["type"] == "model_type":
        return f"expected keys and values, got {_as_yaml(problem['input'])!r}"
    if problem["type"] == "invalid_key":
        return f"expected a word for a key, got {problem['input']!r}"
    meant = ""
    if problem["type"] == "literal_error" and isinstance(problem["input"], str):
        options = problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        meant = _did_you_mean(problem["input"], options)
    expected = problem["msg"].removeprefix("Input should be ").replace("valid tuple", "valid list")
    if expected.startswith(("greater", "less")):
        expected = f"a number {expected}"
    return f"expected {expected}, got {_as_yaml(problem['input'])!r}{meant}"


def _as_yaml(value: Any) -> Any:
    return list(map(_as_yaml, value)) if isinstance(value, tuple) else value


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, 1, 0.5)
    return f"; did you mean {close[0]}?" if close else ""


def _fields(section: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """The known keys of the section at a location."""
    for part in location:
        annotation = section.model_fields[str(part)].annotation
        candidates = [annotation, *get_args(annotation)]
        section = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return list(section.model_fields)
