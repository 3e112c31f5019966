"""Cases whose instances have a mask of all of each: both orders of every pair, voxel by voxel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medseg.amodal.objects import complete_objects, read_objects
from medseg.cohorts import load_objects
from medseg.contracts import ObjectCohort, ObjectRules, Refused, Volume
from medseg.experiment.cohorts import index_folder
from medseg.images.files import write_labels

from .conftest import by_name, pasted


def strip(*columns: int, rows: slice = slice(1, 4)) -> NDArray[np.uint8]:
    """(5,12) 255 from one column to another."""
    mask = np.zeros((5, 12), np.uint8)
    mask[rows, slice(*columns)] = 255
    return mask


A, B, C, D = strip(1, 6), strip(4, 10), strip(10, 12), strip(4, 5, rows=slice(0, 1))
"""A and B have two columns in common, B and C touch, D lies at the border and touches A."""


def stack(root: Path, *masks: NDArray[np.uint8], rules: str | None = None) -> ObjectCohort:
    """Indexed, written and read."""
    for number, mask in enumerate(masks):
        path = root / f"in/instances/c_1_{number}.png"
        write_labels(path, Volume(array=mask, affine=np.eye(4), spacing_mm=None))
    index_folder(root / "in", root / "out", rules=rules)
    return load_objects(root / "out")


def test_each_of_two_that_overlap_is_the_one_behind(tmp_path: Path) -> None:
    cohort = stack(tmp_path, A, B, C, D)
    (case,) = cohort.cases
    assert (case.name, case.patient, list(case.instance_masks)) == ("c_1", "c_1", ["0", "1", "2", "3"])
    found = by_name(read_objects(case, cohort))
    assert list(found) == [f"c_1/object-{number}" for number in range(4)]
    one, other = found["c_1/object-0"], found["c_1/object-1"]
    for back, whole, front in ((one, A, B), (other, B, A)):
        assert not back.unoccluded
        np.testing.assert_array_equal(pasted(back, back.amodal), whole > 0)
        np.testing.assert_array_equal(pasted(back, back.visible), (whole > 0) & (front == 0))
        np.testing.assert_array_equal(pasted(back, back.occluder), front > 0)
    assert [hider.name for hider in one.hiders] == ["c_1/object-1"]
    assert (one.corner, one.map_shape) == ((1, 1), (5, 12))
    for free in (found["c_1/object-2"], found["c_1/object-3"]):
        assert free.unoccluded and free.hiders == () and free.amodal is not None and free.amodal.all()
    complete = complete_objects(found.values(), cohort.rules)
    assert [int(shape.visible.sum()) for shape in complete] == [15, 18, 6, 1]


def test_every_other_that_overlaps_it_may_hide_an_object(tmp_path: Path) -> None:
    cohort = stack(tmp_path, A, B, strip(1, 3))
    found = by_name(read_objects(cohort.cases[0], cohort))
    assert [hider.name[-1] for hider in found["c_1/object-0"].hiders] == ["1", "2"]
    assert found["c_1/object-0"].visible.sum() == 3
    assert list(found) == ["c_1/object-0", "c_1/object-1"]  # all of the third is common to it and the first


def test_rules_that_are_given_are_laid_over_those_of_the_layout(tmp_path: Path) -> None:
    cohort = stack(tmp_path, A, B, C, D, rules="{smallest_occluded: 7, smallest: 2}")
    every = {"object": ("object",)}
    expected = ObjectRules(
        instances=True, hides=every, complete="known", border="keep", smallest=2, smallest_occluded=7
    )
    assert cohort.rules == expected
    reasons = {one.name: one.reason for one in read_objects(cohort.cases[0], cohort).dropped}
    little = "occluded part smaller than 7 voxels"
    assert reasons == {
        "c_1/object-0": little,
        "c_1/object-1": little,
        "c_1/object-3": "smaller than 2 voxels",
    }
    dropped = replace(cohort, rules=replace(expected, border="drop"))
    reasons = {one.name: one.reason for one in read_objects(cohort.cases[0], dropped).dropped}
    assert reasons["c_1/object-2"] == "touches the border"


def test_bad_masks_are_all_named(tmp_path: Path) -> None:
    twofold = B.copy()
    twofold[2, 5] = 7
    cohort = stack(tmp_path, A, twofold, np.zeros((4, 5), np.uint8))
    with pytest.raises(Refused) as refused:
        read_objects(cohort.cases[0], cohort)
    assert refused.value.complaints == (
        "values of the mask of instance 1: expected 0 and one other, got 7, 255 (c_1)",
        "shape of the mask of instance 2: expected 5x12 (the first one), got 4x5 (c_1)",
    )
    (tmp_path / "out/manifest.csv").write_text(
        "case,patient,split,image,annotator,mask,target\n"
        "c,,,,labels,../in/instances/c_1_0.png,instance-0\nc,,,,labels,../in/instances/c_1_1.png,full\n"
        "d,,,,labels,../in/instances/c_1_0.png,instance-\n"
    )
    with pytest.raises(Refused) as refused:
        load_objects(tmp_path / "out")
    assert refused.value.complaints == (
        "target: expected full, visible, occluder, got instance- (d/labels, manifest.csv line 4)",
        "targets of a case: expected instances alone, or none, got full (c/labels, manifest.csv line 3)",
    )
