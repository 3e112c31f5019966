"""Hand-drawn label maps, and the objects that they hold."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medseg.amodal.objects import objects_of, objects_of_split
from medseg.contracts import ObjectRules, Volume
from medseg.experiment.cohorts import indexed as index

from .conftest import CLASSES, OVERLAP, by_name, cohort, cross, extract, pasted


# ------------------------------------------------------------------------------------------ overlaps
def test_a_bar_split_by_an_overlap_is_one_object_with_its_amodal_mask() -> None:
    labels = cross()
    found = by_name(extract(labels))
    assert list(found) == ["m/a-1", "m/b-1"]
    one = found["m/a-1"]
    assert (one.case, one.label, one.class_index, one.unoccluded) == ("m", "a", 0, False)
    assert (one.corner, one.visible.shape, one.map_shape) == ((1, 1), (9, 9), (11, 13))
    np.testing.assert_array_equal(pasted(one, one.visible), labels == 1)
    np.testing.assert_array_equal(pasted(one, one.amodal), (labels == 1) | (labels == 255))
    np.testing.assert_array_equal(pasted(one, one.occluder), (labels == 2) | (labels == 255))
    (hider,) = one.hiders
    assert hider.name == "m/b-1"
    np.testing.assert_array_equal(pasted(one, hider.mask), (labels == 2) | (labels == 255))
    other = found["m/b-1"]
    assert other.class_index == 1
    np.testing.assert_array_equal(pasted(other, other.occluder), (labels == 1) | (labels == 255))


def test_pieces_are_joined_through_one_overlap_after_another_and_every_crossed_object_occludes() -> None:
    labels = np.zeros((9, 17), np.uint8)
    labels[3:6, 1:16] = 1
    for columns, value in ((slice(3, 6), 2), (slice(10, 13), 3)):
        labels[1:8, columns] = value
        labels[3:6, columns] = 255
    one = by_name(extract(labels))["m/a-1"]
    assert one.visible.sum() == 45 - 18 and one.amodal is not None and one.amodal.sum() == 45
    np.testing.assert_array_equal(pasted(one, one.occluder), labels > 1)
    assert [(hider.name, int(hider.mask.sum())) for hider in one.hiders] == [("m/b-1", 21), ("m/c-1", 21)]


def test_two_objects_of_a_class_are_two_and_only_the_crossed_one_is_occluded() -> None:
    labels = np.pad(cross(), ((0, 0), (0, 10)))
    labels[2:5, 16:20] = 1
    found = by_name(extract(labels))
    assert list(found) == ["m/a-1", "m/a-2", "m/b-1"]  # in the order of their first voxels
    one = found["m/a-2"]
    assert one.unoccluded and (one.corner, one.visible.shape) == ((2, 16), (3, 4))
    assert one.amodal is not None and one.amodal.all() and one.visible.all()
    assert one.occluder is not None and not one.occluder.any()


def test_an_overlap_of_one_class_or_of_three_drops_what_touches_it() -> None:
    labels = cross()
    labels[4:7, 7:10] = 3
    assert [(d.name, d.reason, d.voxels) for d in extract(labels).dropped] == [
        ("m/a-1", "an overlap of three classes", 18),
        ("m/b-1", "an overlap of three classes", 9),
        ("m/c-1", "an overlap of three classes", 9),
    ]
    labels[labels == 3], labels[labels == 2] = 1, 1
    assert [(d.name, d.reason, d.voxels) for d in extract(labels).dropped] == [("m/a-1", "an overlap of one class", 36)]


def test_small_objects_and_small_occluded_parts_are_dropped() -> None:
    labels = cross()
    assert not extract(labels, replace(OVERLAP, smallest=18, smallest_occluded=9)).dropped
    reasons = {d.reason for d in extract(labels, replace(OVERLAP, smallest_occluded=10)).dropped}
    assert reasons == {"occluded part smaller than 10 voxels"}
    reasons = {d.reason for d in extract(labels, replace(OVERLAP, smallest=19)).dropped}
    assert reasons == {"smaller than 19 voxels"}


def test_what_touches_the_border_is_dropped_but_still_occludes() -> None:
    labels = cross()
    labels[4:7, 0] = 2
    found = extract(labels)
    assert [(d.name, d.reason) for d in found.dropped] == [("m/b-1", "touches the border")]
    (one,) = found.objects
    assert one.name == "m/a-1" and one.occluder is not None and one.occluder.sum() == 30


def test_an_object_whose_overlap_touches_the_border_is_dropped() -> None:
    labels = np.zeros((6, 9), np.uint8)
    labels[2:5, 1:4], labels[2:5, 4:7], labels[0:5, 4] = 1, 2, 255
    assert {d.reason for d in extract(labels).dropped} == {"touches the border"}


def test_what_touches_the_border_is_kept_by_rule_and_whole_within_the_map() -> None:
    labels = cross()
    labels[4:7, 0] = 2
    labels[0:3, 10:13] = 3
    found = by_name(extract(labels, replace(OVERLAP, border="keep")))
    assert list(found) == ["m/c-1", "m/a-1", "m/b-1"]
    bar, corner = found["m/b-1"], found["m/c-1"]
    np.testing.assert_array_equal(pasted(bar, bar.amodal), (labels == 2) | (labels == 255))
    assert bar.corner == (1, 0) and not bar.unoccluded
    assert corner.unoccluded and corner.amodal is not None and corner.amodal.all() and corner.visible.all()


# ------------------------------------------------------------------------------- unknown and hides
def test_beside_an_unknown_region_the_amodal_mask_is_not_known() -> None:
    labels = np.zeros((8, 12), np.uint8)
    labels[2:5, 1:4], labels[2:5, 4:6], labels[2:5, 8:11] = 1, 9, 1
    found = by_name(extract(labels, ObjectRules(unknown=(9,), smallest_occluded=99)))
    one, other = found["m/a-1"], found["m/a-2"]
    assert (one.unoccluded, one.amodal, other.unoccluded) == (False, None, True)
    np.testing.assert_array_equal(pasted(one, one.occluder), labels == 9)
    assert one.corner == (2, 1) and one.visible.shape == (3, 5)


def test_a_class_hides_only_those_that_it_may_hide() -> None:
    labels = np.zeros((8, 12), np.uint8)
    labels[2:5, 1:4], labels[4:7, 4:6], labels[2:4, 5:9] = 1, 2, 3
    found = by_name(extract(labels, ObjectRules(hides={"b": ("a",), "c": ("a",)})))
    one = found["m/a-1"]  # b touches it over a corner, c does not touch it
    assert (one.unoccluded, one.amodal) == (False, None)
    np.testing.assert_array_equal(pasted(one, one.occluder), labels == 2)
    assert found["m/b-1"].unoccluded and found["m/c-1"].unoccluded
    assert all(one.unoccluded for one in extract(labels, ObjectRules()).objects)


def test_objects_that_share_an_overlap_do_not_hide_one_another_besides() -> None:
    one = by_name(extract(cross(), replace(OVERLAP, hides={"b": ("a",)})))["m/a-1"]
    assert one.amodal is not None and one.amodal.sum() == 27


def test_every_neighbour_may_hide_where_any_object_may_and_unknown_regions_are_nobody() -> None:
    labels = np.zeros((8, 12), np.uint8)
    labels[2:5, 1:4], labels[4:7, 4:6], labels[2:4, 4:6], labels[1, 1:4], labels[2:5, 8:11] = 1, 2, 3, 9, 1
    every = dict.fromkeys("abc", ("a", "b", "c"))
    found = by_name(extract(labels, ObjectRules(hides=every, unknown=(9,))))
    one = found["m/a-1"]
    assert one.amodal is None
    assert [hider.name for hider in one.hiders] == ["m/c-1", "m/b-1"]  # in the order of the map
    np.testing.assert_array_equal(pasted(one, one.hiders[1].mask), labels == 2)
    np.testing.assert_array_equal(pasted(one, one.occluder), labels > 1)
    assert [hider.name for hider in found["m/b-1"].hiders] == ["m/a-1", "m/c-1"]
    assert found["m/a-2"].unoccluded and found["m/a-2"].hiders == ()


# --------------------------------------------------------------------------- what makes up an object
def test_a_class_is_one_object_where_components_are_none() -> None:
    labels = np.zeros((8, 12), np.uint8)
    labels[2:5, 1:3], labels[2:5, 8:11] = 1, 1
    assert [one.name for one in extract(labels, ObjectRules()).objects] == ["m/a-1", "m/a-2"]
    (one,) = extract(labels, ObjectRules(component=False)).objects
    assert one.visible.shape == (3, 10) and one.visible.sum() == 15 and one.unoccluded


def test_instances_are_objects_of_one_class_under_their_own_numbers() -> None:
    labels = cross()
    labels[labels == 1], labels[labels == 2] = 17, 40
    rules = replace(OVERLAP, instances=True)
    own = replace(cohort(rules), classes=CLASSES[:2])
    found = by_name(objects_of(Volume(array=labels, affine=np.eye(4), spacing_mm=None), own.scheme, "m"))
    assert list(found) == ["m/a-17", "m/a-40"]
    assert {one.class_index for one in found.values()} == {0}
    assert all(one.amodal is not None and one.amodal.sum() == 27 for one in found.values())
    touching = np.zeros((6, 8), int)
    touching[2:4, 1:4], touching[2:4, 4:7] = 300, 301
    own = replace(cohort(ObjectRules(instances=True, hides={"a": ("a",)})), classes=CLASSES[:2])
    first, second = objects_of(Volume(array=touching, affine=np.eye(4), spacing_mm=None), own.scheme, "m").objects
    np.testing.assert_array_equal(pasted(first, first.occluder), pasted(second, second.visible))


def test_volumes_are_taken_apart_by_the_same_code() -> None:
    labels = np.zeros((13, 11, 7), np.int16)
    labels[..., 2:5] = cross().T[..., None]
    affine, spacing_mm = np.diag([0.5, 0.5, 2, 1]), (0.5, 0.5, 2.0)
    found = objects_of(
        Volume(array=labels, affine=affine, spacing_mm=spacing_mm), cohort(OVERLAP, 3).scheme, "v"
    ).objects
    one = found[1]
    assert [one.name for one in found] == ["v/b-1", "v/a-1"]  # in the order of their first voxels
    assert (one.visible.sum(), one.corner, one.map_shape) == (54, (1, 1, 2), (13, 11, 7))
    assert one.amodal is not None and one.amodal.sum() == 81 and one.spacing_mm == spacing_mm
    np.testing.assert_array_equal(one.affine, affine)


# -------------------------------------------------------------------------------------- real data
@pytest.mark.data
def test_real_chromosomes() -> None:
    folder = os.environ.get("MEDSEG_DATA")
    if not folder or not (Path(folder) / "mfish").is_dir():
        pytest.skip("MEDSEG_DATA names no folder with mfish")
    found = index(Path(folder) / "mfish")
    rules = ObjectRules(overlap=(255,), smallest=60, smallest_occluded=20)
    real = replace(found, classes=tuple(label for label in found.classes if label.value != 255), rules=rules)
    objects = objects_of_split(real, "")
    occluded = [one for one in objects if not one.unoccluded]
    assert (len(objects) - len(occluded), len(occluded)) == (3742, 431)
    fractions = [one.visible.sum() / one.amodal.sum() for one in occluded if one.amodal is not None]
    assert len(fractions) == 431 and np.mean(fractions) == pytest.approx(0.753, abs=5e-4)
