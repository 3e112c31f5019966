"""cohort.yaml: class names and mask values, channels, dimensions, who is an annotator, what is said of him, and what is
an object."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medseg.cohorts.manifest import TRUTH, did_you_mean
from medseg.cohorts.names import name_complaints, naming_complaints
from medseg.cohorts.object_rules import read_rules, rules_content
from medseg.cohorts.people import read_people
from medseg.contracts import (
    ClassLabel,
    Cohort,
    ObjectCohort,
    ObjectRules,
    Refused,
    Said,
    complaint,
    dump_yaml,
    read_yaml,
)

COHORT_YAML = "cohort.yaml"


@dataclass(frozen=True, kw_only=True)
class CohortYaml:
    """What cohort.yaml says, and what is wrong with it."""

    name: str
    """The cohort's; its folder's where the file has none."""
    spatial_dims: int
    """2 or 3."""
    classes: tuple[ClassLabel, ...]
    """In the order of the file, the background first."""
    channels: tuple[str, ...]
    """In the order of axis C."""
    annotators: tuple[str, ...]
    """Those of axis A in their order; empty: as the manifest first names them."""
    crowd: tuple[str, ...]
    """Annotators whose name is only a slot."""
    ignored: tuple[int, ...]
    """Values of the mask files that say nothing."""
    people: Mapping[str, Said]
    """Annotator -> what is said of the person."""
    truth: str | None
    """The name under which the manifest lists the known truth; None where it lists none."""
    rules: ObjectRules | None
    """Of the section ``objects``; None without it."""
    complaints: list[str] = field(default_factory=list)
    """What its values lack."""


KEYS = ("name", "spatial_dims", "classes", "ignore", "channels", "annotators", "crowd", "people", "truth", "objects")
REQUIRED_KEYS = ("spatial_dims", "classes")


def read_cohort_yaml(path: Path) -> CohortYaml:
    """Raises Refused if the file is no YAML mapping; what its values lack is in ``CohortYaml.complaints``."""
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise Refused([complaint(COHORT_YAML, f"keys {', '.join(KEYS)}", type(content).__name__, str(path))])
    found = [
        complaint("key", " ".join(KEYS), f"{key}{did_you_mean(str(key), KEYS)}", COHORT_YAML)
        for key in content
        if key not in KEYS
    ]
    name = str(content.get("name") or Path(os.path.abspath(path)).parent.name)
    found += name_complaints("cohort name", name, f"name, {COHORT_YAML}" if content.get("name") else str(path.parent))
    found += [complaint(key, "a value", "nothing", COHORT_YAML) for key in REQUIRED_KEYS if content.get(key) is None]
    dims = content.get("spatial_dims", 2)
    if isinstance(dims, bool) or not isinstance(dims, int) or dims not in (2, 3):
        found.append(complaint("spatial_dims", "2 or 3", _shown(dims), COHORT_YAML))
    truth = content.get("truth")
    classes = _classes(content.get("classes"), found)
    of_objects = "objects" in content
    if of_objects:
        found += [
            complaint(
                "class value", "one beside objects:", f"{len(label.values)}", f"classes.{label.name}, {COHORT_YAML}"
            )
            for label in classes
            if label.others
        ]
    people = read_people(content.get("people"), "people", COHORT_YAML, found)
    if of_objects and people:
        found.append(complaint("people", "none beside objects:", ", ".join(people), COHORT_YAML))
    rules = read_rules(content["objects"], classes, found, COHORT_YAML) if of_objects else None
    return CohortYaml(
        name=name,
        spatial_dims=dims,
        classes=classes,
        channels=_names(content, "channels", () if of_objects else ("intensity",), found),
        annotators=_names(content, "annotators", (), found),
        crowd=_names(content, "crowd", (), found),
        ignored=_ignored(content.get("ignore"), classes, of_objects, found),
        people=people,
        truth=None if truth is None else str(truth),
        rules=rules,
        complaints=found,
    )


def _classes(content: Any, found: list[str]) -> tuple[ClassLabel, ...]:
    """name -> value, or the values that mean it, the first for writing; complaints are added to ``found``."""
    if content is None:
        return ()
    if not isinstance(content, Mapping) or len(content) < 2:
        found.append(complaint("classes", "name: value of two classes or more", content, COHORT_YAML))
        return ()
    classes: list[ClassLabel] = []
    owners: dict[int, str] = {}
    for name, stated in content.items():
        where = f"classes.{name}, {COHORT_YAML}"
        if not isinstance(name, str):
            found.append(complaint("class name", "text (put it in quotes)", repr(name), where))
        values: list[Any] = stated if isinstance(stated, list) and stated else [stated]
        for value in values:
            if not _is_value(value):
                found.append(complaint("class value", "an integer of the mask files", _shown(value), where))
            elif owners.setdefault(value, str(name)) != str(name):
                found.append(complaint("class value", "one of its own", f"{value}, which {owners[value]} has", where))
        if all(map(_is_value, values)):
            classes.append(ClassLabel(name=str(name), value=values[0], others=tuple(values[1:])))
    found += naming_complaints("class name", {str(name): f"classes, {COHORT_YAML}" for name in content})
    return tuple(classes)


def _is_value(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _ignored(stated: Any, classes: tuple[ClassLabel, ...], of_objects: bool, found: list[str]) -> tuple[int, ...]:
    """A value, or a list of them; complaints are added to ``found``."""
    values = stated if isinstance(stated, list) else [] if stated is None else [stated]
    owner = {value: label.name for label in classes for value in label.values}
    if of_objects and values:
        expected = "none beside objects: (there such values are unknown:)"
        found.append(complaint("ignore", expected, _shown(stated), COHORT_YAML))
    for value in values:
        if not _is_value(value):
            found.append(complaint("ignore", "integers of the mask files", _shown(value), COHORT_YAML))
        elif value in owner:
            found.append(complaint("ignore", "values of no class", f"{value}, which {owner[value]} has", COHORT_YAML))
    return tuple(dict.fromkeys(value for value in values if _is_value(value)))


def _shown(value: object) -> str:
    """A value, cut where it would fill a page."""
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _names(content: Mapping[str, Any], key: str, default: tuple[str, ...], found: list[str]) -> tuple[str, ...]:
    """A list of names; complaints are added to ``found``."""
    names = content.get(key)
    if names is None:
        return default
    if not isinstance(names, list) or (default and not names):
        found.append(complaint(key, "a list of names", names, COHORT_YAML))
        return default
    return tuple(map(str, names))


def cohort_yaml_text(cohort: Cohort) -> str:
    """What cohort.yaml says of a cohort, as YAML."""
    content: dict[str, object] = {
        "name": cohort.name,
        "spatial_dims": cohort.spatial_dims,
        "classes": {label.name: list(label.values) if label.others else label.value for label in cohort.classes},
    }
    content |= {"ignore": list(cohort.ignored)} if cohort.ignored else {}
    content |= {"channels": list(cohort.channels)} if cohort.channels else {}
    content |= {"annotators": list(cohort.annotators)} if cohort.annotators else {}
    content |= {"crowd": list(cohort.crowd)} if cohort.crowd else {}
    content |= {"people": {name: dict(said) for name, said in cohort.people.items()}} if cohort.people else {}
    content |= {"truth": TRUTH} if any(case.truth for case in cohort.cases) else {}
    content |= {"objects": rules_content(cohort.rules, cohort.classes)} if isinstance(cohort, ObjectCohort) else {}
    return dump_yaml(content)
