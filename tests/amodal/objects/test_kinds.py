"""What the values of a label map stand for, and the complaints about those that stand for nothing."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from medseg.amodal.objects import objects_of
from medseg.contracts import ObjectRules, Refused, Volume

from .conftest import OVERLAP, cohort, cross


def refusals(labels: NDArray[np.integer], rules: ObjectRules = OVERLAP) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        objects_of(Volume(array=labels, affine=np.eye(4), spacing_mm=None), cohort(rules).scheme, "m")
    return caught.value.complaints


def test_values_without_a_rule_are_named_with_the_line_to_write() -> None:
    labels = cross()
    labels[0, :3] = 7
    labels[0, 4:6] = 8
    assert refusals(labels) == (
        "label values: expected 0, 1, 2, 3, 255, got 7 in 3 voxels; cohort.yaml should read class_7: 7 among its "
        "classes, or objects: {overlap: [255, 7]}, or objects: {unknown: [7]} (m)",
        "label values: expected 0, 1, 2, 3, 255, got 8 in 2 voxels; cohort.yaml should read class_8: 8 among its "
        "classes, or objects: {overlap: [255, 8]}, or objects: {unknown: [8]} (m)",
    )


def test_many_values_without_a_rule_are_one_complaint_that_says_what_they_may_be() -> None:
    labels = np.arange(20).reshape(4, 5)
    assert refusals(labels) == (
        "label values: expected 0, 1, 2, 3, 255, got 16 others (4, 5, 6, ...); if they number instances, the rules are "
        "{instances: true, hides: all} (--rules, or objects: of cohort.yaml), else cohort.yaml should list them (m)",
    )


def test_an_empty_map_and_other_dimensions_are_refused() -> None:
    empty = "label map: expected at least one object, got background alone (m)"
    assert refusals(np.zeros((4, 5), np.uint8)) == (empty,)
    dims = "spatial dims: expected 2 (cohort.yaml), got 3: 4x5x6 (m)"
    assert refusals(np.ones((4, 5, 6), np.uint8)) == (dims,)
