"""Occluders over squares and cubes, where the hidden share is a sum done by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medseg.data.occluders import Hidden, Kind, Occlusion, Ranges, apply_occlusion, draw_occlusion, roughen

KINDS: tuple[Kind, ...] = ("object", "bar", "half_space", "blob", "slices")
LEVEL_SETS = KINDS[1:]


def square(size: int = 20, start: int = 5, stop: int = 15, dims: int = 2) -> np.ndarray:
    mask = np.zeros((size,) * dims, bool)
    mask[(slice(start, stop),) * dims] = True
    return mask


def occlusion(kind: Kind, covered: float, direction: tuple[float, ...], place: tuple[float, ...]) -> Occlusion:
    turn = np.eye(len(direction))
    turn[0] = direction
    none = np.zeros((0, len(direction)))
    return Occlusion(kind, covered, False, turn, np.array(place), 0, none, none[:, 0])


def drawn(whole: np.ndarray, kind: Kind, seed: int, **ranges: object) -> Hidden:
    others = (bar_mask(whole.ndim),)
    drawn_ranges = Ranges(kinds=(kind,), **ranges)  # pyright: ignore[reportArgumentType]
    return apply_occlusion(whole, draw_occlusion(whole, others, drawn_ranges, np.random.default_rng(seed)), others)


def bar_mask(dims: int) -> np.ndarray:
    """A bar 4 voxels thick and 16 long."""
    return np.ones((16, 4, 4)[:dims], bool)


# ------------------------------------------------------------------------------------ sums by hand
def test_a_half_space_hides_the_three_lowest_rows_of_ten():
    hidden = apply_occlusion(square(), occlusion("half_space", 0.3, (1.0, 0.0), (10, 10)), ())
    np.testing.assert_array_equal(np.flatnonzero(hidden.occluder.all(axis=1)), np.arange(8))
    assert not hidden.occluder[8:].any()
    assert hidden.visible.sum() == 70 and hidden.visible[8:15, 5:15].all()


def test_a_bar_across_the_middle_hides_four_columns_of_ten():
    hidden = apply_occlusion(square(), occlusion("bar", 0.4, (1.0, 0.0), (0, 9.5)), ())
    np.testing.assert_array_equal(np.flatnonzero(hidden.occluder.all(axis=0)), [8, 9, 10, 11])
    assert hidden.occluder.sum() == 20 * 4 and hidden.visible.sum() == 60


def test_a_bar_through_a_cube_is_a_rod():
    rod = apply_occlusion(square(dims=3), occlusion("bar", 0.04, (0.0, 0.0, 1.0), (9.5, 9.5, 0)), ())
    np.testing.assert_array_equal(np.argwhere(rod.occluder.all(axis=2)), [[9, 9], [9, 10], [10, 9], [10, 10]])
    assert rod.occluder.sum() == 4 * 20 and rod.visible.sum() == 1000 - 40


def test_a_blob_without_waves_is_a_disk():
    blob = replace(occlusion("blob", 0.05, (1.0, 0.0), (10, 10)), waves=np.zeros((1, 2)), phases=np.array([np.pi / 2]))
    hidden = apply_occlusion(square(), blob, ())
    np.testing.assert_array_equal(np.argwhere(hidden.occluder), [[9, 10], [10, 9], [10, 10], [10, 11], [11, 10]])


@pytest.mark.parametrize(("covered", "rows"), [(0.01, 1), (0.14, 1), (0.16, 2), (0.3, 3), (0.99, 9)])
def test_slices_drop_out_whole_and_never_none_nor_all(covered: float, rows: int):
    hidden = apply_occlusion(square(), occlusion("slices", covered, (1.0, 0.0), (8.1, 0)), ())
    dropped = np.flatnonzero(hidden.occluder.all(axis=1) & square().any(axis=1))
    assert len(dropped) == rows and (np.diff(dropped) == 1).all()
    assert hidden.visible.sum() == 100 - 10 * rows and not (hidden.occluder.any(axis=1) ^ hidden.occluder.all(1)).any()


def test_another_object_lies_where_it_was_put_and_is_cut_off_at_the_canvas():
    whole = square(8, 2, 6)
    hidden = apply_occlusion(whole, occlusion("object", 0.0, (1.0, 0.0), (-1, 3)), (np.ones((5, 2), bool),))
    expected = np.zeros((8, 8), bool)
    expected[:4, 3:5] = True
    np.testing.assert_array_equal(hidden.occluder, expected)
    assert hidden.visible.sum() == 16 - 4


def test_another_object_is_turned():
    quarter = replace(occlusion("object", 0.0, (0.0, 0.0), (1, 0)), turn=np.array([[0.0, -1.0], [1.0, 0.0]]))
    shape = np.array([[1, 1, 1], [1, 0, 0]], bool)
    expected = np.zeros((8, 8), bool)
    expected[1:4, :2] = np.rot90(shape)
    np.testing.assert_array_equal(apply_occlusion(square(8, 2, 6), quarter, (shape,)).occluder, expected)


# ------------------------------------------------------------------------------ what always holds
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", ["bar", "half_space", "blob"])
def test_the_drawn_share_is_hidden_to_half_a_voxel(kind: Kind, dims: int):
    whole = square(20, 5, 15, dims)
    for seed in range(8):
        occlusion = draw_occlusion(whole, (), Ranges((kind,), nothing=0.0), np.random.default_rng(seed))
        visible = apply_occlusion(whole, occlusion, ()).visible
        assert abs((whole.sum() - visible.sum()) - occlusion.target * whole.sum()) <= 0.5 + 1e-6
        assert 0.05 <= occlusion.target <= 0.6


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(KINDS), st.sampled_from([2, 3]), st.integers(0, 10_000), st.booleans())
def test_visible_and_hidden_make_the_whole(kind: Kind, dims: int, seed: int, behind: bool):
    whole = square(16, 4, 11, dims)
    hidden = drawn(whole, kind, seed, nothing=0.0 if behind else 1.0)
    np.testing.assert_array_equal(hidden.visible | (hidden.occluder & whole), whole)
    assert not (hidden.visible & hidden.occluder).any() and hidden.visible.any()
    if behind:
        assert 0 < (whole & ~hidden.visible).sum() < whole.sum()
    else:
        np.testing.assert_array_equal(hidden.visible, whole)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_an_object_in_front_leaves_the_rest_of_the_same_occluder(kind: Kind, dims: int):
    whole = square(16, 4, 11, dims)
    over, under = (drawn(whole, kind, 3, nothing=nothing) for nothing in (0.0, 1.0))
    np.testing.assert_array_equal(under.occluder, over.occluder & ~whole)
    assert not (under.occluder & whole).any() and (over.occluder & whole).any()


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_arguments_give_the_same_masks_and_another_seed_others(kind: Kind, dims: int):
    whole, others = square(16, 4, 11, dims), (bar_mask(dims),)
    ranges = Ranges((kind,), nothing=0.0)
    first, again, other = (draw_occlusion(whole, others, ranges, np.random.default_rng(s)) for s in (5, 5, 6))
    kept = whole.copy()
    masks = [apply_occlusion(whole, occlusion, others) for occlusion in (first, first, again, other)]
    np.testing.assert_array_equal(whole, kept)
    for same in masks[1:3]:
        np.testing.assert_array_equal(same.occluder, masks[0].occluder)
        np.testing.assert_array_equal(same.visible, masks[0].visible)
    assert (masks[3].occluder != masks[0].occluder).any()


def test_about_a_fifth_of_the_draws_hide_nothing():
    rng, whole = np.random.default_rng(0), square()
    targets = [draw_occlusion(whole, (), Ranges(("half_space", "bar")), rng).target for _ in range(400)]
    assert 0.15 < np.mean(np.equal(targets, 0.0)) < 0.25


def test_another_object_hides_a_share_within_the_range_and_often_sticks_out_at_both_ends():
    whole, others = square(40, 12, 28), (bar_mask(2), np.ones((5, 30), bool))
    rng, crossings = np.random.default_rng(0), 0
    for _ in range(100):
        occlusion = draw_occlusion(whole, others, Ranges(hidden=(0.1, 0.4), nothing=0.0), rng)
        hidden = apply_occlusion(whole, occlusion, others)
        assert 0.1 <= occlusion.target <= 0.4
        assert whole.sum() - hidden.visible.sum() == round(occlusion.target * 256)
        rim = hidden.occluder.copy()
        rim[11:29, 11:29] = False
        crossings += sum(bool(side.any()) for side in (rim[:12], rim[28:], rim[:, :12], rim[:, 28:])) >= 2
    assert 10 < crossings < 90


def test_an_object_that_all_tries_cover_whole_lies_in_front():
    whole, others = square(9, 4, 6), (np.ones((300, 300), bool),)
    occlusion = draw_occlusion(whole, others, Ranges(nothing=0.0), np.random.default_rng(0))
    assert occlusion.covered == 1 and occlusion.in_front and occlusion.target == 0
    assert apply_occlusion(whole, occlusion, others).visible.sum() == 4


def test_slices_are_drawn_across_an_axis_along_which_a_flat_object_has_several():
    flat = np.zeros((9, 9, 9), bool)
    flat[4, 4, 2:7] = True
    for seed in range(6):
        assert drawn(flat, "slices", seed, nothing=0.0).visible.sum() in (2, 3, 4)


def test_a_single_voxel_is_never_hidden():
    assert drawn(square(5, 2, 3), "bar", 0, nothing=0.0).visible.sum() == 1


def test_an_empty_object_and_no_others_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="^whole: expected an object, got an empty mask$"):
        draw_occlusion(np.zeros((4, 4), bool), (), Ranges(), rng)
    with pytest.raises(ValueError, match="^others: expected masks for the occluder kind object, got none$"):
        draw_occlusion(square(), (), Ranges(), rng)


# --------------------------------------------------------------------------------------- roughness
def test_a_5x5_square_eroded_by_1_is_3x3_and_by_2_one_voxel():
    np.testing.assert_array_equal(roughen(square(9, 2, 7), -1), square(9, 3, 6))
    np.testing.assert_array_equal(roughen(square(9, 2, 7), -2), square(9, 4, 5))


def test_an_erosion_that_would_remove_the_mask_leaves_it():
    np.testing.assert_array_equal(roughen(square(9, 2, 7), -3), square(9, 2, 7))


def test_a_point_grows_to_the_disk_and_the_ball():
    point = square(9, 4, 5)
    assert [roughen(point, radius).sum() for radius in (0, 1, 2)] == [1, 5, 13]
    assert [roughen(square(9, 4, 5, 3), radius).sum() for radius in (1, 2)] == [7, 33]


def test_a_mask_at_the_border_grows_inside_and_is_not_eroded_from_outside():
    corner = square(8, 0, 4)
    assert roughen(corner, 1).sum() == 16 + 4 + 4
    np.testing.assert_array_equal(roughen(corner, -1), square(8, 0, 3))


def test_no_mask_and_a_full_one_stay_as_they_are():
    for mask in (np.zeros((4, 4), bool), np.ones((4, 4), bool)):
        for change in (-1, 1):
            np.testing.assert_array_equal(roughen(mask, change), mask)
