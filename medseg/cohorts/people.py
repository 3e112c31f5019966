"""What is said of people, as in the section ``people:`` of cohort.yaml: by it one who was never seen is like others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from medseg.contracts import Refused, Said, complaint, shortened, yaml_values

LARGEST = 1e100
"""Beyond it no square is a number of the machine."""


def read_people(content: Any, what: str, where: str, found: list[str]) -> dict[str, Said]:
    """A mapping name -> key -> number or word; what is nothing (null) is not said. Complaints are added to ``found``.

    what: the section, or the option, that holds it. where: the file.

    >>> found = []
    >>> read_people({"ann": {"experience": 12, "tool": "amira"}, "bob": None}, "people", "cohort.yaml", found)
    {'ann': {'experience': 12, 'tool': 'amira'}, 'bob': {}}
    >>> read_people({"ann": {"tool": ["amira"]}}, "people", "cohort.yaml", found)
    {'ann': {}}
    >>> found
    ["tool of ann: expected a number or a word, got ['amira'] (people, cohort.yaml)"]
    """
    inside = f"{what}, {where}"
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        found.append(complaint(what, "name: {key: number or word}", shortened(str(content)), where))
        return {}
    people: dict[str, Said] = {}
    for name, stated in content.items():
        if stated is not None and not isinstance(stated, Mapping):
            expected = "{key: number or word}"
            found.append(complaint(f"what is said of {name}", expected, shortened(str(stated)), inside))
        said = dict(stated) if isinstance(stated, Mapping) else {}
        found += _value_complaints(str(name), said, inside)
        people[str(name)] = {key: value for key, value in said.items() if isinstance(key, str) and is_said(value)}
    found += _mixed(people, inside)
    return people


def people_of_texts(texts: Sequence[str], what: str) -> dict[str, Said]:
    """What several YAML texts say, each as ``read_people`` has it; what: the option that holds them.

    Raises Refused for every mistake, for a name that stands in two of them, and where nobody is named.

    >>> people_of_texts(["novice: {experience: 1}", "{expert: {experience: 20}, other: {}}"], "--as")
    {'novice': {'experience': 1}, 'expert': {'experience': 20}, 'other': {}}
    """
    found: list[str] = []
    people: dict[str, Said] = {}
    for text in texts:
        told = read_people(yaml_values(text, what, what), what, shortened(text), found)
        found += [complaint(f"{what} of {name}", "one", "another", shortened(text)) for name in told if name in people]
        if not told and not found:
            found.append(complaint(what, "name: {key: number or word}", "nobody", shortened(text)))
        people |= told
    if found:
        raise Refused(found)
    return people


def is_said(value: object) -> bool:
    """A number, or a word."""
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _value_complaints(name: str, said: Mapping[Any, Any], where: str) -> Iterator[str]:
    for key, value in said.items():
        if not isinstance(key, str):
            yield complaint(f"key of {name}", "text (put it in quotes)", repr(key), where)
        elif value is not None and not is_said(value):
            means = " (yes and no are words)" if isinstance(value, bool) else ""
            finite = "finite " if isinstance(value, float) and not math.isfinite(value) else ""
            yield complaint(f"{key} of {name}", f"a {finite}number or a word{means}", _shown(value), where)


def _mixed(people: Mapping[str, Said], where: str) -> Iterator[str]:
    """Keys that are a number of one and a word of another."""
    for key in dict.fromkeys(key for said in people.values() for key in said):
        given = {name: said[key] for name, said in people.items() if key in said}
        first = {isinstance(value, str): f"{_shown(value)} of {name}" for name, value in reversed(given.items())}
        if len(first) > 1:
            yield complaint(key, "numbers of all, or words of all", f"{first[False]} and {first[True]}", where)


def _shown(value: object) -> str:
    return shortened(str(value)) if str(value) else "an empty word"
