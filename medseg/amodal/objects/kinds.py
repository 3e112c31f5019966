"""What the values of a label map stand for: nothing, an overlap, an unknown region, or objects."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import ObjectScheme, Refused, complaint

BACKGROUND, OVERLAP, UNKNOWN, FIRST_LABEL = 0, 1, 2, 3
"""Kinds of voxel. The values that stand for objects have the kinds from ``FIRST_LABEL`` on: one for each class, in the
order of the scheme, or for each instance, in the order of their values."""

SEVERAL = 3
"""A complaint for each of so many values without a rule, one for all where they are more."""


def kinds_of_values(labels: NDArray[np.generic], scheme: ObjectScheme, case: str) -> dict[int, int]:
    """Value -> kind, of the values that occur in a label map (S...).

    Raises Refused for every value without a rule, and for a map without a value that stands for an object.
    """
    found, voxels = np.unique(labels, return_counts=True)
    counts = dict(zip(found.tolist(), voxels.tolist(), strict=True))
    known = _known_kinds(list(counts), scheme)
    ruleless = [value for value in counts if value not in known]
    complaints = [_ruleless(value, counts[value], scheme, case) for value in ruleless]
    complaints = [_numbers(ruleless, scheme, case)] if len(ruleless) > SEVERAL else complaints
    if not any(known.get(value, FIRST_LABEL) >= FIRST_LABEL for value in counts):
        complaints.append(complaint("label map", "at least one object", "background alone", case))
    if complaints:
        raise Refused(complaints)
    return {value: known[value] for value in counts}


def kinds_of_voxels(labels: NDArray[np.generic], kind_of: Mapping[int, int]) -> NDArray[np.integer]:
    """(S...) the kind of each voxel."""
    values = sorted(kind_of)
    return np.asarray([kind_of[value] for value in values])[np.searchsorted(values, labels)]


def class_index_of(kind: int, scheme: ObjectScheme) -> int:
    """Of an object of this kind among the foreground classes; instances are all of the first."""
    return 0 if scheme.rules.instances else kind - FIRST_LABEL


def class_name_of(kind: int, scheme: ObjectScheme) -> str:
    """Of an object of this kind."""
    return scheme.classes[1 + class_index_of(kind, scheme)].name


def rest_values(scheme: ObjectScheme) -> list[int]:
    """The values of a label map that stand for no object: background, overlap, unknown."""
    return [scheme.classes[0].value, *scheme.rules.overlap, *scheme.rules.unknown]


def _known_kinds(values: list[int], scheme: ObjectScheme) -> dict[int, int]:
    """Value -> kind, of the values that have a rule; every value that nothing else means is an instance."""
    background, *foreground = scheme.classes
    rest = {background.value: BACKGROUND}
    rest |= dict.fromkeys(scheme.rules.overlap, OVERLAP) | dict.fromkeys(scheme.rules.unknown, UNKNOWN)
    if scheme.rules.instances:
        of_objects = [value for value in values if value not in rest]
    else:
        of_objects = [label.value for label in foreground]
    return rest | {value: FIRST_LABEL + rank for rank, value in enumerate(of_objects)}


def _ruleless(value: int, voxels: int, scheme: ObjectScheme, case: str) -> str:
    rules = scheme.rules
    got = (
        f"{value} in {voxels} voxels; cohort.yaml should read class_{value}: {value} among its classes, "
        f"or objects: {{overlap: {[*rules.overlap, value]}}}, or objects: {{unknown: {[*rules.unknown, value]}}}"
    )
    return complaint("label values", _with_a_rule(scheme), got, case)


def _numbers(values: list[int], scheme: ObjectScheme, case: str) -> str:
    """So many values without a rule are no classes that somebody forgot."""
    first = ", ".join(map(str, values[:SEVERAL]))
    got = (
        f"{len(values)} others ({first}, ...); if they number instances, the rules are {{instances: true, hides: all}} "
        "(--rules, or objects: of cohort.yaml), else cohort.yaml should list them"
    )
    return complaint("label values", _with_a_rule(scheme), got, case)


def _with_a_rule(scheme: ObjectScheme) -> str:
    return ", ".join(map(str, [*(c.value for c in scheme.classes), *scheme.rules.overlap, *scheme.rules.unknown]))
