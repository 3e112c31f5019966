"""The section ``objects:`` of cohort.yaml: how label maps are taken apart into objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, cast, get_args

from medseg.cohorts.manifest import did_you_mean
from medseg.contracts import (
    BorderRule,
    ClassLabel,
    Cohort,
    CompleteRule,
    ObjectCohort,
    ObjectRules,
    ObjectScheme,
    PiecesRule,
    Refused,
    complaint,
    yaml_values,
)

KEYS = tuple(field.name for field in fields(ObjectRules))
ALL = "all"
"""``hides: all``: any object may hide any other."""


def read_rules(content: Any, classes: Sequence[ClassLabel], found: list[str], file: str) -> ObjectRules:
    """What the section says, defaults filled in; complaints are added to ``found``, each naming its key and file."""
    content = {} if content is None else content
    if not isinstance(content, Mapping):
        found.append(complaint("objects", f"keys {', '.join(KEYS)}", content, file))
        return ObjectRules()
    found += [
        complaint("key", " ".join(KEYS), f"{key}{did_you_mean(str(key), KEYS)}", f"objects, {file}")
        for key in content
        if key not in KEYS
    ]
    rules = ObjectRules(
        overlap=_values(content, "overlap", found, file),
        unknown=_values(content, "unknown", found, file),
        hides=_hides(content.get("hides"), [label.name for label in classes[1:]], found, file),
        component=_switch(content, "component", default=True, found=found, file=file),
        instances=_switch(content, "instances", default=False, found=found, file=file),
        pieces=cast(PiecesRule, _choice(content, "pieces", get_args(PiecesRule), found=found, file=file)),
        complete=cast(CompleteRule, _choice(content, "complete", get_args(CompleteRule), found=found, file=file)),
        border=cast(BorderRule, _choice(content, "border", get_args(BorderRule), found=found, file=file)),
        smallest=_size(content, "smallest", found, file),
        smallest_occluded=_size(content, "smallest_occluded", found, file),
    )
    found += _conflicts(rules, classes, file)
    return rules


def with_rules(cohort: Cohort, text: str, where: str) -> ObjectCohort:
    """The cohort under the rules of a YAML text, as ``scheme_with_rules`` has them.

    Raises Refused for a cohort without label maps, too.
    """
    if not isinstance(cohort, ObjectCohort):
        raise Refused([complaint("rules", "a folder of label maps", "annotated images", cohort.name)])
    scheme = scheme_with_rules(cohort.scheme, text, where)
    return replace(cohort, classes=scheme.classes, rules=scheme.rules)


def scheme_with_rules(scheme: ObjectScheme, text: str, where: str) -> ObjectScheme:
    """The scheme with the rules of a YAML text in the place of its own; those that it does not state stay.

    What they call overlap or unknown is no class any more; of instances there is one class, ``object`` where there
    were several. Raises Refused for every mistake in the text.
    """
    found: list[str] = []
    content = yaml_values(text, "rules", where)
    stated = dict(content) if isinstance(content, Mapping) else {}
    apart = [value for key in ("overlap", "unknown") for value in _listed(stated.get(key))]
    background, *foreground = scheme.classes
    foreground = [label for label in foreground if label.value not in apart]
    own = rules_content(scheme.rules, scheme.classes)
    if stated.get("instances", scheme.rules.instances) is True and len(foreground) != 1:
        foreground = [ClassLabel(name="object", value=foreground[0].value if foreground else 1)]
        own["hides"] = None
    classes = (background, *foreground)
    rules = read_rules(own | stated if stated else content, classes, found, where)
    if found:
        raise Refused(found)
    return replace(scheme, classes=classes, rules=rules)


def rules_content(rules: ObjectRules, classes: Sequence[ClassLabel]) -> dict[str, object]:
    """The section as plain lists, mappings, words and numbers, every key written out."""
    every = rules.hides == _all_of([label.name for label in classes[1:]])
    hides = ALL if every else {name: list(hidden) for name, hidden in rules.hides.items()}
    return asdict(rules) | {"overlap": list(rules.overlap), "unknown": list(rules.unknown), "hides": hides}


def _values(content: Mapping[str, Any], key: str, found: list[str], file: str) -> tuple[int, ...]:
    stated = content.get(key)
    values = _listed(stated)
    if any(isinstance(value, bool) or not isinstance(value, int) for value in values):
        found.append(complaint(key, "integers of the label maps", stated, f"objects.{key}, {file}"))
        return ()
    return tuple(dict.fromkeys(values))


def _listed(stated: Any) -> list[Any]:
    return stated if isinstance(stated, list) else [] if stated is None else [stated]


def _hides(content: Any, classes: Sequence[str], found: list[str], file: str) -> dict[str, tuple[str, ...]]:
    if content is None:
        return {}
    if content == ALL:
        return _all_of(classes)
    if not isinstance(content, Mapping):
        expected = f"{ALL}, or class: [classes that it may hide]"
        found.append(complaint("hides", expected, content, f"objects.hides, {file}"))
        return {}
    hides = {str(name): tuple(map(str, who if isinstance(who, list) else [who])) for name, who in content.items()}
    named = dict.fromkeys(name for front, hidden in hides.items() for name in (front, *hidden))
    found += [
        complaint("class", " ".join(classes), f"{name}{did_you_mean(name, classes)}", f"objects.hides, {file}")
        for name in named
        if name not in classes
    ]
    return hides


def _all_of(classes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(classes, tuple(classes))


def _choice(content: Mapping[str, Any], key: str, words: Sequence[str], *, found: list[str], file: str) -> str:
    """The first word is the default."""
    value = content.get(key, words[0])
    if value not in words:
        found.append(complaint(key, " or ".join(words), value, f"objects.{key}, {file}"))
    return str(value)


def _switch(content: Mapping[str, Any], key: str, *, default: bool, found: list[str], file: str) -> bool:
    value = content.get(key, default)
    if not isinstance(value, bool):
        found.append(complaint(key, "true or false", value, f"objects.{key}, {file}"))
    return bool(value)


def _size(content: Mapping[str, Any], key: str, found: list[str], file: str) -> int:
    value = content.get(key, 1)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        found.append(complaint(key, "a number of voxels, 1 or more", value, f"objects.{key}, {file}"))
        return 1
    return value


def _conflicts(rules: ObjectRules, classes: Sequence[ClassLabel], file: str) -> Iterator[str]:
    """Values with two meanings, and classes that instances cannot have."""
    values = {label.value: label.name for label in (classes[:1] if rules.instances else classes)}
    for key, stated in (("overlap", rules.overlap), ("unknown", rules.unknown)):
        for value in stated:
            if value in values:
                got = f"{value}, which is {values[value]}"
                yield complaint(key, "values that are no class", got, f"objects.{key}, {file}")
    for value in rules.overlap:
        if value in rules.unknown:
            yield complaint("unknown", "values that are no overlap", f"{value}, which is", f"objects.unknown, {file}")
    if rules.instances and rules.pieces == "joined":
        expected = "apart or decided, as instances is true and numbers say what belongs together"
        yield complaint("pieces", expected, rules.pieces, f"objects.pieces, {file}")
    if rules.instances and len(classes) > 2:
        got = ", ".join(label.name for label in classes)
        yield complaint("classes", "background and one other, as instances is true", got, file)
