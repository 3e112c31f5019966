"""The objects of cases: of a label map each, and of a split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from medseg.amodal.objects import objects_of_split, read_objects
from medseg.contracts import Case, ClassLabel, ObjectCohort, ObjectRules, Volume
from medseg.images.files import write_labels

CLASSES = (ClassLabel(name="background", value=0), ClassLabel(name="a", value=1), ClassLabel(name="b", value=2))


def cohort(folder: Path) -> ObjectCohort:
    """Two cases of one map, a bar of a across one of b; the first is trained on."""
    labels = np.zeros((11, 13), np.uint8)
    labels[1:10, 4:7], labels[4:7, 1:10], labels[4:7, 4:7] = 1, 2, 255
    path = write_labels(folder / "m.png", Volume(array=labels, affine=np.eye(4), spacing_mm=None))
    cases = (
        Case(name="m", patient="m", split="train", object_masks={"full": path}),
        Case(name="n", patient="n", split="val", object_masks={"full": path}),
    )
    return ObjectCohort(
        root=folder,
        name="drawn",
        classes=CLASSES,
        spatial_dims=2,
        cases=cases,
        rules=ObjectRules(overlap=(255,)),
    )


def test_a_case_is_read_from_its_label_map(tmp_path: Path) -> None:
    found = cohort(tmp_path)
    assert [one.name for one in read_objects(found.cases[0], found).objects] == ["m/a-1", "m/b-1"]


def test_a_split_has_the_objects_of_its_cases_in_their_order(tmp_path: Path) -> None:
    found = cohort(tmp_path)
    assert [one.name for one in objects_of_split(found, "val")] == ["n/a-1", "n/b-1"]
    both = replace(found, cases=tuple(replace(case, split="train") for case in reversed(found.cases)))
    assert [one.case for one in objects_of_split(both, "train")] == ["n", "n", "m", "m"]
    assert objects_of_split(found, "test") == []
