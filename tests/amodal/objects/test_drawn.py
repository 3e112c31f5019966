"""Cases of one object each, drawn in masks of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medseg.amodal.objects import read_objects
from medseg.amodal.objects.drawn import read_drawn_object
from medseg.cohorts.cohort import load_cohort, write_cohort
from medseg.contracts import Case, ClassLabel, ObjectCohort, ObjectRules, Refused, Volume
from medseg.images.files import write_labels

CLASSES = (ClassLabel(name="background", value=0), ClassLabel(name="cup", value=1), ClassLabel(name="plate", value=2))


def box(rows: slice, columns: slice, value: int = 2, shape: tuple[int, int] = (8, 10)) -> NDArray[np.uint8]:
    labels = np.zeros(shape, np.uint8)
    labels[rows, columns] = value
    return labels


VISIBLE, AMODAL, FRONT = (
    box(slice(2, 5), slice(2, 4)),
    box(slice(2, 5), slice(2, 7)),
    box(slice(1, 6), slice(4, 9), 1),
)


def written(root: Path, rules: ObjectRules | None = None, **masks: NDArray[np.uint8]) -> ObjectCohort:
    """A cohort of one case; masks by what they show, the amodal mask under ``full``."""
    paths = {
        name: write_labels(root / f"{name}.png", Volume(array=mask, affine=np.eye(4), spacing_mm=None))
        for name, mask in masks.items()
    }
    case = Case(name="k", patient="k", object_masks=paths)
    return ObjectCohort(
        root=root,
        name="drawn",
        classes=CLASSES,
        spatial_dims=2,
        cases=(case,),
        rules=rules or ObjectRules(),
    )


def test_an_object_has_its_visible_part_its_amodal_mask_and_its_occluder(tmp_path: Path) -> None:
    cohort = written(tmp_path, visible=VISIBLE, full=AMODAL, occluder=FRONT)
    write_cohort(cohort)
    assert load_cohort(tmp_path) == cohort
    (one,) = read_objects(cohort.cases[0], cohort).objects
    assert (one.name, one.label, one.class_index, one.unoccluded) == ("k", "plate", 1, False)
    assert (one.corner, one.visible.shape, one.map_shape) == ((1, 2), (5, 7), (8, 10))
    assert one.amodal is not None and one.occluder is not None
    assert (one.visible.sum(), one.amodal.sum(), one.occluder.sum()) == (6, 15, 25)
    assert (one.amodal & ~one.visible & ~one.occluder).sum() == 0
    assert [(hider.name, int(hider.mask.sum())) for hider in one.hiders] == [("k/occluder", 25)]


def test_what_is_not_drawn_is_not_known(tmp_path: Path) -> None:
    cohort = written(tmp_path, visible=VISIBLE)
    (one,) = read_drawn_object(cohort.cases[0], cohort).objects
    assert (one.amodal, one.occluder, one.unoccluded, one.visible.shape) == (None, None, False, (3, 2))


def test_an_object_without_an_occluded_part_is_unoccluded(tmp_path: Path) -> None:
    cohort = written(tmp_path, visible=AMODAL, full=AMODAL)
    (one,) = read_drawn_object(cohort.cases[0], cohort).objects
    assert one.unoccluded and one.occluder is not None and not one.occluder.any()


@pytest.mark.parametrize(
    ("rules", "amodal", "reason"),
    [
        (ObjectRules(smallest=7), AMODAL, "smaller than 7 voxels"),
        (ObjectRules(smallest_occluded=10), AMODAL, "occluded part smaller than 10 voxels"),
        (ObjectRules(), box(slice(2, 5), slice(2, 10)), "touches the border"),
    ],
)
def test_an_object_is_dropped_for_a_reason(
    tmp_path: Path, rules: ObjectRules, amodal: NDArray[np.uint8], reason: str
) -> None:
    cohort = written(tmp_path, rules, visible=VISIBLE, full=amodal)
    (dropped,) = read_drawn_object(cohort.cases[0], cohort).dropped
    assert (dropped.name, dropped.label, dropped.reason, dropped.voxels) == ("k", "plate", reason, 6)


def test_masks_that_contradict_one_another_are_refused_at_once(tmp_path: Path) -> None:
    cohort = written(tmp_path, visible=AMODAL, full=VISIBLE // 2, occluder=FRONT[:7])
    with pytest.raises(Refused) as caught:
        read_drawn_object(cohort.cases[0], cohort)
    assert caught.value.complaints == (
        "shape of the mask occluder: expected 8x10 (the visible part), got 7x10 (k)",
        "values of an object's masks: expected 0 and one of 1, 2, got 1, 2 (k)",
        "visible voxels: expected all within the amodal mask, got 9 outside (k)",
    )


def test_an_object_at_the_border_is_kept_by_rule(tmp_path: Path) -> None:
    cohort = written(tmp_path, ObjectRules(border="keep"), visible=VISIBLE, full=box(slice(2, 5), slice(2, 10)))
    (one,) = read_drawn_object(cohort.cases[0], cohort).objects
    assert one.amodal is not None and one.amodal.sum() == 24 and not one.unoccluded
