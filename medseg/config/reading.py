"""YAML and overrides -> a config, or every mistake at once.

An unknown key or a wrong value is named with file and line, the dotted key, and what was probably meant.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from medseg.contracts import Refused


def load_config(path: Path, kinds: Sequence[type[BaseModel]], overrides: Sequence[str] = ()) -> Any:
    """Read a YAML file, apply ``dotted.key=value`` overrides, validate as one of ``kinds``: its recipe says which.

    Raises Refused with one line per mistake: ``configs/x.yaml:12: training.bacth: unknown key; did you mean batch?``
    """
    if not path.is_file():
        raise Refused([f"config: expected a YAML file, got nothing at this path ({path})"])
    try:
        root = yaml.compose(path.read_text(), Loader=yaml.SafeLoader)
        values = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise Refused([f"{path}:{line}: expected YAML, got {getattr(error, 'problem', error)}"]) from None
    if not isinstance(values, dict):
        raise Refused([f"{path}:1: expected keys and values, got {type(values).__name__}"])
    places = _lines(root, str(path))
    complaints = [bad for override in overrides if (bad := _apply(values, places, override))]
    config, kind = None, _kind(values, kinds)
    complaints += _unknown_recipe(values, places, str(path), kinds)
    try:
        config = kind.model_validate(values)
    except ValidationError as error:
        problems = [problem for problem in error.errors() if problem["loc"] != ("recipe",) or "recipe" not in values]
        complaints += [line for problem in problems for line in _sentences(problem, places, str(path), kind)]
    if config is None or complaints:
        raise Refused(complaints)
    return config


def dump_config(config: BaseModel) -> str:
    """The resolved config as YAML; reading it back gives an equal object."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def recipes(kind: type[BaseModel]) -> tuple[str, ...]:
    """The recipes that a kind of config may name."""
    return get_args(kind.model_fields["recipe"].annotation)


def _kind(values: dict[str, Any], kinds: Sequence[type[BaseModel]]) -> type[BaseModel]:
    """The one whose recipe the values name, else the first."""
    return next((kind for kind in kinds if values.get("recipe") in recipes(kind)), kinds[0])


def _unknown_recipe(
    values: dict[str, Any], places: dict[str, str], file: str, kinds: Sequence[type[BaseModel]]
) -> list[str]:
    """A recipe of no method."""
    known, got = [recipe for kind in kinds for recipe in recipes(kind)], values.get("recipe")
    if "recipe" not in values or got in known:
        return []
    close = difflib.get_close_matches(str(got), known, 1, 0.5)
    hint = f"; did you mean {close[0]}?" if close else ""
    return [f"{places.get('recipe', file)}: recipe: expected one of {', '.join(known)}, got {got!r}{hint}"]


def _lines(node: yaml.Node | None, file: str, prefix: str = "") -> dict[str, str]:
    """Dotted key -> ``file:line``, for every key of the document."""
    places: dict[str, str] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            dotted = f"{prefix}{key.value}"
            places[dotted] = f"{file}:{key.start_mark.line + 1}"
            places |= _lines(value, file, dotted + ".")
    return places


def _apply(values: dict[str, Any], places: dict[str, str], override: str) -> str | None:
    """Put one ``dotted.key=value`` into ``values``; return a complaint if it is not of that form."""
    dotted, equals, text = override.partition("=")
    if not equals or not dotted:
        return f"override: expected dotted.key=value, got {override!r} (command line)"
    place = values
    *parents, last = dotted.split(".")
    for parent in parents:
        if not isinstance(place.get(parent), dict):
            place[parent] = {}
        place = place[parent]
    try:
        place[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        return f"override: expected a YAML value, got {text!r} ({dotted})"
    for depth in range(len(parents) + 1):  # a parent that the file does not have comes from this override too
        places.setdefault(".".join([*parents, last][: depth + 1]), f"override '{override}'")
    places[dotted] = f"override '{override}'"
    return None


def _sentences(problem: Any, places: dict[str, str], file: str, kind: type[BaseModel]) -> list[str]:
    """One pydantic error as lines: several where our own validator found several mistakes."""
    if problem["loc"]:
        return [_sentence(problem, places, file, kind)]
    lines = problem["msg"].removeprefix("Value error, ").split("\n")
    return [f"{places.get(line.split(':')[0], file)}: {line}" for line in lines]


def _sentence(problem: Any, places: dict[str, str], file: str, kind: type[BaseModel]) -> str:
    """One pydantic error as one line: where, which key, what is wrong, what was probably meant."""
    location = [str(part) for part in problem["loc"]]
    dotted = ".".join(location)
    known = [key for key in places if dotted == key or dotted.startswith(key + ".")]
    place = places[max(known, key=len)] if known else file
    if problem["type"] == "extra_forbidden":
        fields = _fields(kind, location[:-1])
        close = difflib.get_close_matches(location[-1], fields, 1, 0.5)
        meant = f"did you mean {close[0]}?" if close else "known: " + ", ".join(fields)
        return f"{place}: {dotted}: unknown key; {meant}"
    if problem["type"] == "missing":
        return f"{place}: {dotted}: expected a value, got none"
    message = problem["msg"]
    hint = ""
    if problem["type"] == "literal_error" and isinstance(problem["input"], str):
        options = [word for word in problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")]
        close = difflib.get_close_matches(problem["input"], options, 1, 0.5)
        hint = f"; did you mean {close[0]}?" if close else ""
    message = message[0].lower() + message[1:]
    return f"{place}: {dotted}: {message}, got {problem['input']!r}{hint}"


def _fields(section: type[BaseModel], location: Sequence[str]) -> list[str]:
    """The known keys of the section at a location."""
    for part in location:
        annotation = section.model_fields[part].annotation
        candidates = [annotation, *get_args(annotation)]
        section = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return list(section.model_fields)
