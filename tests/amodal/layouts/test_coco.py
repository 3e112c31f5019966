"""COCO json: run-length codes and polygons decoded by hand, and annotations that become cases of one object."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from medseg.amodal.layouts.coco_masks import decoded, runs_of_text
from medseg.amodal.objects import read_objects
from medseg.cohorts.cohort import load_cohort, write_cohort
from medseg.contracts import ObjectCohort, Refused
from medseg.experiment.cohorts import indexed as index

IMAGE = {"id": 7, "file_name": "street.png", "height": 8, "width": 10}
CATEGORIES = [{"id": 3, "name": "car"}, {"id": 5, "name": "van"}]
AMODAL = [[2, 2, 7, 2, 7, 5, 2, 5]]
"""Columns 2 to 6 of rows 2 to 4: 15 pixels."""
VISIBLE = [[2, 2, 4, 2, 4, 5, 2, 5]]
"""Columns 2 and 3 of them: 6 pixels."""


def runs(mask: np.ndarray) -> list[int]:
    """The lengths of the runs of a mask down its columns, the first of 0."""
    flat = mask.ravel(order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff([0, *ends, flat.size]).tolist()
    return [0, *lengths] if flat[0] else lengths


def text_of(runs: list[int]) -> str:
    """COCO's compressed code of runs (maskApi.c, rleToString)."""
    text = ""
    for place, run in enumerate(runs):
        number = run - runs[place - 2] if place > 2 else run
        more = True
        while more:
            bits = number & 31
            number >>= 5
            more = number != (-1 if bits & 16 else 0)
            text += chr(bits + (32 if more else 0) + 48)
    return text


# ------------------------------------------------------------------------------------------- masks
def test_runs_go_down_the_columns() -> None:
    mask = decoded({"size": [3, 2], "counts": [1, 2, 0, 1, 2]}, (3, 2))
    assert mask.tolist() == [[False, True], [True, False], [True, False]]


def test_a_compressed_code_is_read_by_hand() -> None:
    assert runs_of_text("123") == [1, 2, 3]
    assert runs_of_text("1231") == [1, 2, 3, 3]  # the fourth is a difference to the second: 2 + 1
    assert runs_of_text("T20O") == [68, 0, -1]  # 4 + 2 * 32; the last one with its sign


def test_a_compressed_code_of_long_runs_comes_back() -> None:
    lengths = [5, 100, 3, 4000, 7, 1, 123456, 2]
    assert list(runs_of_text(text_of(lengths))) == lengths
    mask = np.random.default_rng(0).random((23, 31)) < 0.3
    np.testing.assert_array_equal(decoded({"size": [23, 31], "counts": text_of(runs(mask))}, (23, 31)), mask)


def test_a_polygon_holds_the_pixels_whose_centres_lie_inside() -> None:
    mask = decoded(AMODAL, (8, 10))
    assert mask.sum() == 15 and mask[2:5, 2:7].all()
    np.testing.assert_array_equal(decoded(AMODAL[0], (8, 10)), mask)
    assert decoded([*AMODAL, [8, 6, 10, 6, 10, 8, 8, 8]], (8, 10)).sum() == 19


@pytest.mark.parametrize(
    ("segmentation", "error"),
    [
        ({"size": [3, 2], "counts": [1, 2]}, r"size \[3, 2\] with runs of 3 pixels for an image of 3x2"),
        ({"size": [2, 3], "counts": [6]}, r"size \[2, 3\] with runs of 6 pixels for an image of 3x2"),
        ([[1, 2, 3, 4]], "a polygon of 4 numbers"),
        ("T20", "a segmentation of type str"),
    ],
)
def test_a_bad_mask_is_refused(segmentation: object, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        decoded(segmentation, (3, 2))


# ------------------------------------------------------------------------------------------- files
def indexed(root: Path, **content: object) -> ObjectCohort:
    (root / "in").mkdir(exist_ok=True)
    (root / "in" / "instances.json").write_text(json.dumps({"images": [IMAGE], "categories": CATEGORIES} | content))
    cohort = index(root / "in", out=root / "out")
    write_cohort(ObjectCohort(**{**cohort.__dict__, "root": root / "out"}))
    return load_cohort(root / "out")


def annotation(number: int, category: int, **masks: object) -> dict[str, object]:
    return {"id": number, "image_id": 7, "category_id": category, **masks}


@pytest.mark.parametrize(
    "masks",
    [
        {"a_segm": AMODAL, "i_segm": VISIBLE, "segmentation": VISIBLE},
        {"segmentation": AMODAL, "inmodal_seg": {"size": [8, 10], "counts": text_of(runs(decoded(VISIBLE, (8, 10))))}},
        {"segmentation": AMODAL, "invisible_mask": {"size": [8, 10], "counts": [34, 3, 5, 3, 5, 3, 27]}},
    ],
)
def test_kins_and_its_like_give_visible_part_and_amodal_mask(tmp_path: Path, masks: dict[str, object]) -> None:
    cohort = indexed(tmp_path, annotations=[annotation(1, 5, **masks), annotation(2, 3, segmentation=AMODAL)])
    assert [(label.name, label.value) for label in cohort.classes] == [("background", 0), ("car", 1), ("van", 2)]
    occluded, plain = cohort.cases
    assert (occluded.name, occluded.patient, plain.patient) == ("street-1", "street", "street")
    (one,) = read_objects(occluded, cohort).objects
    assert (one.label, one.visible.sum(), one.occluder, one.unoccluded) == ("van", 6, None, False)
    assert one.amodal is not None and one.amodal.sum() == 15
    (other,) = read_objects(plain, cohort).objects
    assert other.label == "car" and other.unoccluded


def test_cocoa_has_regions_in_an_order_and_the_nearer_ones_occlude(tmp_path: Path) -> None:
    front = [4, 1, 9, 1, 9, 6, 4, 6]
    regions = [
        {"segmentation": front, "order": 1, "name": "cup"},
        {
            "segmentation": AMODAL[0],
            "order": 2,
            "name": "plate",
            "visible_mask": {"size": [8, 10], "counts": [18, 3, 5, 3, 51]},
        },
    ]
    content = {"annotations": [{"id": 4, "image_id": 7, "regions": regions}]}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.json").write_text(json.dumps({"images": [IMAGE]} | content))
    cohort = index(tmp_path / "in", out=tmp_path / "out")
    assert [case.name for case in cohort.cases] == ["street-4-1", "street-4-2"]
    first, second = (read_objects(case, cohort).objects[0] for case in cohort.cases)
    assert (first.label, first.unoccluded) == ("object", True)
    assert second.occluder is not None and second.amodal is not None
    assert (second.visible.sum(), second.amodal.sum(), second.occluder.sum()) == (6, 15, 25)


def test_crowds_are_left_out(tmp_path: Path) -> None:
    crowd = annotation(2, 3, segmentation=AMODAL, iscrowd=1)
    cohort = indexed(tmp_path, annotations=[annotation(1, 5, a_segm=AMODAL, i_segm=VISIBLE), crowd])
    assert [case.name for case in cohort.cases] == ["street-1"]


def test_a_file_without_amodal_masks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        indexed(tmp_path, annotations=[annotation(1, 5, segmentation=AMODAL)])
    assert caught.value.complaints == (
        "annotations: expected i_segm, inmodal_seg, visible_mask or invisible_mask beside the amodal mask, "
        f"got none: which part is occluded is not known ({tmp_path / 'in' / 'instances.json'})",
    )


def test_all_bad_annotations_are_named_at_once(tmp_path: Path) -> None:
    bad = [
        annotation(1, 5, segmentation=[[1, 2]], i_segm=VISIBLE),
        annotation(2, 9, segmentation=AMODAL, i_segm=VISIBLE),
        annotation(3, 5, i_segm=VISIBLE),
        annotation(4, 5, segmentation=AMODAL) | {"image_id": 8},
    ]
    with pytest.raises(Refused) as caught:
        indexed(tmp_path, annotations=bad)
    assert caught.value.complaints == (
        "mask: expected polygons or a run-length code, got a polygon of 2 numbers (annotation 1, street)",
        "category_id: expected 3, 5, got 9 (annotation 2)",
        "mask: expected polygons or a run-length code, got none of a_segm, segmentation (annotation 3, street)",
        "image of an annotation: expected one of images, got none (annotation 4)",
    )
    assert not (tmp_path / "out").exists()
