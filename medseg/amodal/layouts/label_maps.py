"""Label maps alone: ``labels/<case>.png``, no images; a cohort of objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medseg.cohorts import FULL, read_all
from medseg.cohorts.layouts import MOST_VALUES, Choices, described, files_by_case, markers, natural
from medseg.contracts import Case, ClassLabel, ObjectCohort, ObjectRules, Refused, complaint
from medseg.images import SUFFIXES, read_labels, suffix_of

NEEDS = "labels/<case>.png (or .tif, .nii.gz, .nrrd) and no images/ (cases.csv optional)"
OTHERS = ("images", "annotations", "crowd", "truth", "imagesTr")
"""Folders beside labels/ that make it another layout."""


@dataclass(frozen=True, kw_only=True)
class _MapValues:
    """What is to be known of one label map."""

    values: list[int]
    """That occur in it."""
    dims: int
    """Its number of axes."""


def detect(root: Path) -> bool:
    """Whether labels/ holds label maps, and the folder nothing of the layouts with images."""
    folder = root / "labels"
    found = folder.is_dir() and any(suffix_of(path) in SUFFIXES for path in folder.iterdir())
    return found and not any((root / name).is_dir() for name in OTHERS)


def index(root: Path, choices: Choices) -> ObjectCohort:
    """A case per map, a class per value: ``background`` the smallest one, ``class_<value>`` the others.

    More than 100 values are the numbers of instances of one class. ``cases.csv`` gives patient, split and
    covariates. Raises Refused for maps that cannot be read, without an object, or of 2 and of 3 dimensions.
    """
    cases = [
        Case(name=name, patient=name, object_masks={FULL: path})
        for name, path in files_by_case(root / "labels").items()
    ]
    maps = _read(cases)
    dims = sorted({found.dims for found in maps})
    if len(dims) > 1:
        got = " and ".join(
            f"{d} ({next(c.name for c, m in zip(cases, maps, strict=True) if m.dims == d)})" for d in dims
        )
        raise Refused([complaint("dimensions of the label maps", "one number", got, str(root / "labels"))])
    values = sorted({value for found in maps for value in found.values})
    if len(values) < 2:
        raise Refused([complaint("label values", "2 or more", f"{len(values)}: {values}", str(root / "labels"))])
    instances = len(values) > MOST_VALUES
    return ObjectCohort(
        root=root,
        name=root.resolve().name,
        classes=classes_numbered(values[:2] if instances else values),
        spatial_dims=dims[0],
        cases=tuple(sorted(described(cases, root / "cases.csv"), key=lambda case: natural(case.name))),
        rules=ObjectRules(instances=instances),
    )


def remarks(cohort: ObjectCohort) -> list[str]:
    """What only the user can know of the values found: a line each."""
    if cohort.rules.instances:
        return (
            []
            if len(values_of(cohort.cases)) <= MOST_VALUES
            else [
                f"more than {MOST_VALUES} values: taken as numbers of instances of one class; "
                "if they are classes, list them in cohort.yaml and write objects: {instances: false}"
            ]
        )
    suspicious = [label.value for label in markers(cohort.classes)]
    if not suspicious:
        return []
    counts = Counter(value for found in _read(cohort.cases) for value in found.values)
    return [
        f"value {value} in {counts[value]} of {len(cohort.cases)} maps: if it means overlap or unknown, "
        f"take class_{value} out of the classes in cohort.yaml and write overlap: [{value}] (or unknown) below objects"
        for value in suspicious
    ]


def classes_numbered(values: Sequence[int]) -> tuple[ClassLabel, ...]:
    """``background`` is the first value; the others are ``class_<value>``, or ``object`` where there is but one."""
    names = ["background", *(["object"] if len(values) == 2 else [f"class_{value}" for value in values[1:]])]
    return tuple(ClassLabel(name=name, value=value) for name, value in zip(names, values, strict=True))


def _read(cases: Sequence[Case]) -> list[_MapValues]:
    """Raises Refused with the complaints about every map."""
    return read_all([case.object_masks[FULL] for case in cases if FULL in case.object_masks], _values)


def _values(path: Path) -> _MapValues:
    labels = read_labels(path).array
    return _MapValues(values=np.unique(labels).tolist(), dims=labels.ndim)


def values_of(cases: Sequence[Case]) -> list[int]:
    """The values of all maps, ascending. Raises Refused as reading them does."""
    return sorted({value for found in _read(cases) for value in found.values})
