from __future__ import annotations

import warnings

import numpy as np
import pytest

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.rivals import NearestShape, hull, hull_in_occluder, visible


def mask(*rows: str) -> np.ndarray:
    return np.array([[letter == "#" for letter in row] for row in rows])


def amodal_object(seen: np.ndarray, occluder: np.ndarray | None) -> AmodalObject:
    corner = (0,) * seen.ndim
    return AmodalObject(
        name="c/rod-1",
        case="c",
        label="rod",
        class_index=0,
        visible=seen,
        occluder=occluder,
        amodal=None,
        unoccluded=False,
        corner=corner,
        map_shape=seen.shape,
        affine=np.eye(4),
        spacing_mm=None,
    )


ELBOW = mask(
    "##...",
    "#....",
    "#....",
    "....#",
    "....#",
)
SQUARE = mask(
    ".....",
    ".###.",
    ".###.",
    ".###.",
    ".....",
)
BAR = mask("......", "##..##", "......")
BOX = mask("..##..", "..##..", "..##..")


def test_a_bar_crossed_by_a_square_is_bridged_by_its_hull():
    bridged = mask("......", "######", "......")
    assert (visible(amodal_object(BAR, BOX)) == BAR).all()
    assert (hull(amodal_object(BAR, BOX)) == bridged).all()
    assert (hull_in_occluder(amodal_object(BAR, BOX)) == bridged).all()


def test_the_hull_grows_everywhere_and_its_cut_only_behind_the_occluder():
    full, cut = hull(amodal_object(ELBOW, SQUARE)), hull_in_occluder(amodal_object(ELBOW, SQUARE))
    assert full[4, 3] and not SQUARE[4, 3] and not full[4, 0] and not full[0, 4]
    assert (cut == ELBOW | (full & SQUARE)).all()
    assert cut.sum() < full.sum()
    assert (hull_in_occluder(amodal_object(ELBOW, None)) == full).all()


def test_no_rival_changes_what_it_is_given():
    seen = BAR.copy()
    answer = visible(amodal_object(seen, BOX))
    answer[:] = True
    hull(amodal_object(seen, BOX))[:] = True
    assert (seen == BAR).all()


def test_the_hull_of_a_3d_bar_and_of_a_plane_that_has_none():
    bar = np.zeros((4, 4, 7), dtype=bool)
    bar[1:3, 1:3, :2] = bar[1:3, 1:3, 5:] = True
    bridged = np.zeros_like(bar)
    bridged[1:3, 1:3] = True
    assert (hull(amodal_object(bar, None)) == bridged).all()
    plane = bar & (np.arange(4) == 1)[:, None, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (hull(amodal_object(plane, None)) == plane).all()


def test_a_single_voxel_is_its_own_hull():
    dot = mask("...", ".#.", "...")
    assert (hull(amodal_object(dot, None)) == dot).all()


UPRIGHT = mask("..##..", "..##..", "..##..")
LYING = mask("......", "######", "......")
STUB = mask("......", "###...", "......")


def test_the_nearest_shape_is_pasted_behind_the_occluder():
    completed = NearestShape(np.stack([UPRIGHT, LYING, STUB])).complete(BAR, BOX)
    assert completed.dtype == np.float32
    assert (completed == LYING).all()


def test_voxels_behind_the_occluder_say_nothing_about_the_shape():
    # on the whole grid the large one has an IoU of 2/8 and the short one of 1/2; in front of the occluder 2/2 and 1/2
    seen, occluder = mask("......", "##....", "......"), BOX
    large, short = seen | occluder, mask("......", "#.....", "......")
    assert (NearestShape(np.stack([short, large])).complete(seen, occluder) == large).all()


def test_what_a_shape_shows_where_nothing_is_seen_counts_against_it():
    seen = mask("......", "##....", "......")
    assert (NearestShape(np.stack([LYING, STUB])).complete(seen, BOX) == STUB).all()


def test_an_unknown_occluder_compares_and_pastes_everywhere():
    shapes = np.stack([np.ones_like(BAR), LYING])
    assert (NearestShape(shapes).complete(BAR, None) == LYING).all()


def test_soft_frames_are_cut_at_a_half_and_3d_is_the_same_code():
    shapes = np.stack([UPRIGHT, LYING])[..., None].repeat(2, axis=-1)
    seen, occluder = BAR[..., None].repeat(2, axis=-1), BOX[..., None].repeat(2, axis=-1)
    completed = NearestShape(shapes * 0.6).complete(seen * 0.7, occluder * 0.5)
    assert (completed == shapes[1]).all()


def test_a_store_without_a_shape_is_an_error():
    with pytest.raises(ValueError, match=r"shapes: expected at least one, got \(0, 4, 4\) \(NearestShape\)"):
        NearestShape(np.zeros((0, 4, 4), dtype=bool))
