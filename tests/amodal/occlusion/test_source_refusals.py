"""What a source does not train on, and says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medseg.amodal.occlusion import source as module
from medseg.amodal.occlusion.frames import fits
from medseg.amodal.occlusion.sections import FrameConfig
from medseg.contracts import Cohort, ObjectCohort, Refused, Volume
from medseg.images.files import write_labels

from .conftest import SHOWING, divided, rod, source


def refusal(cohort: Cohort, frame: FrameConfig) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        source(cohort, frame=frame)
    return refused.value.complaints


def test_objects_larger_than_the_frame_allows_are_all_named(cohort: Cohort):
    complaints = refusal(cohort, FrameConfig(size=(16, 16), spacing=1.0, reduction=1.5))
    found = source(cohort)
    large = [
        amodal_object.name
        for split in ("train", "val")
        for amodal_object in found.unoccluded[split]
        if not fits(amodal_object, FrameConfig(size=(16, 16), spacing=1.0, reduction=1.5))
    ]
    assert 1 < len(large) < len(found.unoccluded["train"]) + len(found.unoccluded["val"])
    assert [line.split("(")[-1].rstrip(")") for line in complaints] == large
    start = "object size: expected one that fits the frame when shown at most 1.5 times smaller (data.frame), got "
    assert all(line.startswith(start) for line in complaints)
    assert complaints[0].removeprefix(start).split(" times (")[0].replace(".", "").isdigit()


def test_an_occluded_object_larger_than_the_frame_allows_is_not_trained_on(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch
):
    short, long = (replace(rod(6, length, name=f"m/rod-{length}"), unoccluded=False) for length in (20, 60))
    monkeypatch.setattr(module, "objects_of_split", lambda cohort, split: [rod(), short, long])
    found = source(cohort)  # 60 pixels, times 1.25, in 16 voxels of 2 pixels: 2.3 times smaller
    assert [amodal_object.name for amodal_object in found.occluded["train"]] == [
        amodal_object.name for amodal_object in found.occluded["val"]
    ]
    assert [amodal_object.name for amodal_object in found.occluded["train"]] == ["m/rod-20"]


def test_a_split_without_an_unoccluded_object_is_refused(cohort: Cohort, tmp_path: Path):
    empty = divided(cohort, "train", "train", "train", "test")
    sentence = "unoccluded objects in the val split: expected at least one, got none (shapes_2d)"
    assert refusal(empty, SHOWING.frame) == (sentence,)
    crossed = np.zeros((40, 40), np.uint8)
    crossed[10:30, 18:23], crossed[18:23, 10:30] = 1, 2
    crossed[18:23, 18:23] = 255
    path = write_labels(tmp_path / "crossed.png", Volume(array=crossed, affine=np.eye(4), spacing_mm=None))
    cases = tuple(replace(case, object_masks={"full": path}) for case in cohort.cases)
    assert refusal(replace(cohort, cases=cases), SHOWING.frame) == (
        "unoccluded objects in the train split: expected at least one, got none (shapes_2d)",
        sentence,
    )
    assert isinstance(cohort, ObjectCohort)
    known = replace(cohort, cases=cases, rules=replace(cohort.rules, complete="known"))
    found = source(known)
    assert {one.name.rpartition("/")[2] for one in found.unoccluded["train"]} == {"thick_rod-1", "thin_rod-1"}
    assert all(one.visible.sum() == 100 for one in found.unoccluded["train"])
    assert len(found.occluded["train"]) == len(found.unoccluded["train"]) and len(set(found.names)) == len(found.names)
