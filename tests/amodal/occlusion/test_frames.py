"""There and back: nothing is lost, nothing is stretched, and a turned copy is seen as the original is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import objects_of, read_objects
from medseg.amodal.occlusion.frames import fits, frame_around, from_frame, to_frame
from medseg.amodal.occlusion.sections import FrameConfig
from medseg.amodal.shapes import CLASSES, RULES, render_map
from medseg.contracts import ObjectCohort, Volume
from medseg.experiment.cohorts import indexed as index

from .conftest import extent, rod, to_map

SPACING = (1.0, 1.0, 2.0)


def complete_shapes(dims: int, size: int, maps: int) -> list[AmodalObject]:
    cohort = ObjectCohort(
        root=Path(),
        name="shapes",
        classes=CLASSES,
        spatial_dims=dims,
        cases=(),
        rules=RULES,
    )
    found = []
    for number in range(maps):
        extraction = objects_of(
            Volume(array=render_map(1, number, dims, size), affine=np.eye(4), spacing_mm=None),
            cohort.scheme,
            f"map{number}",
        )
        found += [amodal_object for amodal_object in extraction.objects if amodal_object.unoccluded]
    return found


def round_trip(mask: np.ndarray, rules: FrameConfig, spacing: Sequence[float] | None) -> float:
    """IoU of a mask and what comes back of it."""
    frame = frame_around(mask, rules, spacing)
    back = from_frame(to_frame(mask, frame), frame, mask.shape) >= 0.5
    return (back & mask).sum() / (back | mask).sum()


# ----------------------------------------------------------------------------------- there and back
@pytest.mark.parametrize("align", [True, False])
def test_a_round_trip_loses_less_than_a_hundredth_of_a_flat_object(align: bool):
    """On their tight crops, whose borders they touch on every side."""
    rules = FrameConfig(size=(64, 64), spacing=1.0, align=align)
    kept = [round_trip(amodal_object.visible, rules, None) for amodal_object in complete_shapes(2, 160, 4)]
    assert len(kept) > 20 and np.mean(kept) > 0.999 and min(kept) > 0.99


def test_a_round_trip_loses_less_than_a_hundredth_of_a_volume():
    rules = FrameConfig(size=(48, 48, 48), spacing=1.0)
    kept = [round_trip(amodal_object.visible, rules, None) for amodal_object in complete_shapes(3, 90, 1)]
    assert len(kept) > 3 and min(kept) > 0.99


def test_a_round_trip_of_flat_voxels_loses_less_than_a_hundredth():
    """Slices twice as far apart as the voxels are wide."""
    rules = FrameConfig(size=(64, 64, 64), spacing=0.9)
    kept = [round_trip(amodal_object.visible[..., ::2], rules, SPACING) for amodal_object in complete_shapes(3, 90, 1)]
    assert len(kept) > 3 and min(kept) > 0.99


def test_frames_that_fit_the_object_lose_no_more():
    rules = FrameConfig(size=(64, 64), spacing=None)
    kept = [round_trip(amodal_object.visible, rules, None) for amodal_object in complete_shapes(2, 160, 2)]
    assert min(kept) > 0.99


@pytest.mark.data
@pytest.mark.parametrize(("name", "rules"), [
    ("mfish", FrameConfig(size=(64, 64), spacing=1.0, reduction=2.5)),
    ("hippocampus", FrameConfig(size=(48, 48, 48), spacing=0.8)),
])  # fmt: skip
def test_a_round_trip_of_real_objects(name: str, rules: FrameConfig):
    if "MEDSEG_DATA" not in os.environ:
        pytest.skip(f"MEDSEG_DATA is not set: the folder that holds {name}")
    cohort = index(Path(os.environ["MEDSEG_DATA"]) / name)
    objects = [amodal_object for case in cohort.cases[:3] for amodal_object in read_objects(case, cohort).objects]
    kept = [
        round_trip(amodal_object.visible, rules, amodal_object.spacing_mm)
        for amodal_object in objects
        if amodal_object.visible.sum() >= 60
    ]
    assert len(kept) > 5 and np.mean(kept) > 0.99


def test_a_place_goes_there_and_back():
    mask = np.zeros((20, 30), bool)
    mask[4:9, 3:27] = True
    frame = frame_around(mask, FrameConfig(size=(128, 128), spacing=0.5), (0.5, 2.0))
    point = np.zeros(mask.shape)
    point[6, 15] = 1
    there = np.unravel_index(to_frame(point, frame).argmax(), (128, 128))
    np.testing.assert_allclose(to_map(frame, there) * (0.5, 2.0), (3.0, 30.0), atol=0.36)  # half a diagonal, mm
    grid = np.zeros((128, 128), np.float32)
    grid[there] = 1
    assert np.unravel_index(from_frame(grid, frame, mask.shape).argmax(), mask.shape) == (6, 15)


def test_the_middle_of_the_object_is_the_middle_of_the_frame():
    mask = np.zeros((20, 30), bool)
    mask[4:9, 3:28] = True
    frame = frame_around(mask, FrameConfig(size=(32, 32), spacing=1.0, align=False), None)
    np.testing.assert_allclose(to_map(frame, (15.5, 15.5)), (6, 15))


# ------------------------------------------------------------------------------------------ lengths
def test_lengths_in_mm_keep_their_proportion():
    mask = np.zeros((14, 9), bool)
    mask[2:12, 2:8] = True  # 10 x 6 voxels
    grid = to_frame(mask, frame_around(mask, FrameConfig(size=(32, 32), spacing=1.0, align=False), (1.0, 2.0))) >= 0.5
    assert extent(grid) == [10, 12]
    upright = (
        to_frame(mask, frame_around(mask, FrameConfig(size=(32, 32), spacing=1.0, align=False), (2.0, 1.0))) >= 0.5
    )
    assert extent(upright) == [20, 6]
    lying = to_frame(mask, frame_around(mask, FrameConfig(size=(32, 32), spacing=0.5, align=False), None)) >= 0.5
    assert extent(lying) == [20, 12]


def test_a_frame_without_a_spacing_is_filled_up_to_the_margin():
    mask = np.zeros((50, 20), bool)
    mask[5:45, 5:15] = True
    frame = frame_around(mask, FrameConfig(size=(32, 32), margin=1.25), None)
    assert extent(to_frame(mask, frame) >= 0.5) == [round(32 / 1.25), round(32 / 1.25 / 4)]
    assert frame.reduction == 1.0


def test_what_is_too_large_is_shown_smaller_and_says_by_how_much():
    mask = np.zeros((90, 20), bool)
    mask[5:85, 5:15] = True
    frame = frame_around(mask, FrameConfig(size=(32, 32), spacing=1.0, margin=1.25, align=False), None)
    assert frame.reduction == pytest.approx(80 * 1.25 / 32)
    assert extent(to_frame(mask, frame) >= 0.5)[0] == round(32 / 1.25)
    small = frame_around(mask[:20], FrameConfig(size=(32, 32), spacing=1.0, margin=1.25, align=False), None)
    assert small.reduction == 1.0


def test_a_mask_that_is_shown_smaller_is_smoothed_and_keeps_its_area():
    stripes = np.zeros((96, 96), bool)
    stripes[8:88, 8:88] = True
    frame = frame_around(stripes, FrameConfig(size=(32, 32), spacing=3.0, margin=1.0, align=False), None)
    stripes[::2] = False
    grid = to_frame(stripes, frame)
    assert grid.sum() * 9 == pytest.approx(stripes.sum(), rel=0.03)
    assert 0.25 < grid[16, 16] < 0.75  # neither a stripe nor a gap


def test_an_object_fits_up_to_the_reduction():
    rules = FrameConfig(size=(16, 16), spacing=1.0, margin=1.0, reduction=2.0)
    assert fits(rod(4, 32), rules) and not fits(rod(4, 33), rules)
