"""Occluders drawn over squares and cubes: the share that they hide, and what always holds when they are applied."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from medseg.amodal.occlusion.hiding import Occluded, apply_occlusion
from medseg.amodal.occlusion.occluders import draw_occlusion
from medseg.amodal.occlusion.sections import Kind, OcclusionConfig

from .conftest import square

KINDS: tuple[Kind, ...] = ("object", "bar", "half_space", "blob", "slices")
LEVEL_SETS = KINDS[1:]


def drawn(amodal: np.ndarray, kind: Kind, seed: int, **ranges: object) -> Occluded:
    others = (bar_mask(amodal.ndim),)
    drawn_ranges = OcclusionConfig(kinds=(kind,), **ranges)  # pyright: ignore[reportArgumentType]
    return apply_occlusion(amodal, draw_occlusion(amodal, others, drawn_ranges, np.random.default_rng(seed)), others)


def bar_mask(dims: int) -> np.ndarray:
    """A bar 4 voxels thick and 16 long."""
    return np.ones((16, 4, 4)[:dims], bool)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", ["bar", "half_space", "blob"])
def test_the_drawn_share_is_occluded_to_half_a_voxel(kind: Kind, dims: int):
    amodal = square(20, 5, 15, dims)
    for seed in range(8):
        occlusion = draw_occlusion(amodal, (), OcclusionConfig(kinds=(kind,), nothing=0.0), np.random.default_rng(seed))
        visible = apply_occlusion(amodal, occlusion, ()).visible
        assert abs((amodal.sum() - visible.sum()) - occlusion.target * amodal.sum()) <= 0.5 + 1e-6
        assert 0.05 <= occlusion.target <= 0.6


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(KINDS), st.sampled_from([2, 3]), st.integers(0, 10_000), st.booleans())
def test_visible_and_occluded_make_the_amodal_mask(kind: Kind, dims: int, seed: int, behind: bool):
    amodal = square(16, 4, 11, dims)
    occluded = drawn(amodal, kind, seed, nothing=0.0 if behind else 1.0)
    np.testing.assert_array_equal(occluded.visible | (occluded.occluder & amodal), amodal)
    assert not (occluded.visible & occluded.occluder).any() and occluded.visible.any()
    if behind:
        assert 0 < (amodal & ~occluded.visible).sum() < amodal.sum()
    else:
        np.testing.assert_array_equal(occluded.visible, amodal)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_an_object_in_front_leaves_the_rest_of_the_same_occluder(kind: Kind, dims: int):
    amodal = square(16, 4, 11, dims)
    over, under = (drawn(amodal, kind, 3, nothing=nothing) for nothing in (0.0, 1.0))
    np.testing.assert_array_equal(under.occluder, over.occluder & ~amodal)
    assert not (under.occluder & amodal).any() and (over.occluder & amodal).any()


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_arguments_give_the_same_masks_and_another_seed_others(kind: Kind, dims: int):
    amodal, others = square(16, 4, 11, dims), (bar_mask(dims),)
    ranges = OcclusionConfig(kinds=(kind,), nothing=0.0)
    first, again, other = (draw_occlusion(amodal, others, ranges, np.random.default_rng(s)) for s in (5, 5, 6))
    kept = amodal.copy()
    masks = [apply_occlusion(amodal, occlusion, others) for occlusion in (first, first, again, other)]
    np.testing.assert_array_equal(amodal, kept)
    for same in masks[1:3]:
        np.testing.assert_array_equal(same.occluder, masks[0].occluder)
        np.testing.assert_array_equal(same.visible, masks[0].visible)
    assert (masks[3].occluder != masks[0].occluder).any()


def test_about_a_quarter_of_the_draws_hide_nothing():
    rng, amodal = np.random.default_rng(0), square()
    targets = [draw_occlusion(amodal, (), OcclusionConfig(kinds=("half_space", "bar")), rng).target for _ in range(400)]
    assert 0.2 < np.mean(np.equal(targets, 0.0)) < 0.3


def test_another_object_hides_a_share_within_the_range_and_often_sticks_out_at_both_ends():
    amodal, others = square(40, 12, 28), (bar_mask(2), np.ones((5, 30), bool))
    rng, crossings = np.random.default_rng(0), 0
    for _ in range(100):
        occlusion = draw_occlusion(amodal, others, OcclusionConfig(occluded=(0.1, 0.4), nothing=0.0), rng)
        occluded = apply_occlusion(amodal, occlusion, others)
        assert 0.1 <= occlusion.target <= 0.4
        assert amodal.sum() - occluded.visible.sum() == round(occlusion.target * 256)
        rim = occluded.occluder.copy()
        rim[11:29, 11:29] = False
        crossings += sum(bool(side.any()) for side in (rim[:12], rim[28:], rim[:, :12], rim[:, 28:])) >= 2
    assert 10 < crossings < 90


def test_an_object_that_all_tries_cover_all_over_lies_in_front():
    amodal, others = square(9, 4, 6), (np.ones((300, 300), bool),)
    occlusion = draw_occlusion(amodal, others, OcclusionConfig(nothing=0.0), np.random.default_rng(0))
    assert occlusion.covered == 1 and occlusion.in_front and occlusion.target == 0
    assert apply_occlusion(amodal, occlusion, others).visible.sum() == 4


def test_slices_are_drawn_across_an_axis_along_which_a_flat_object_has_several():
    flat = np.zeros((9, 9, 9), bool)
    flat[4, 4, 2:7] = True
    for seed in range(6):
        assert drawn(flat, "slices", seed, nothing=0.0).visible.sum() in (2, 3, 4)


def test_a_single_voxel_is_never_occluded():
    assert drawn(square(5, 2, 3), "bar", 0, nothing=0.0).visible.sum() == 1


def test_an_empty_object_and_no_others_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="^amodal: expected an object, got an empty mask$"):
        draw_occlusion(np.zeros((4, 4), bool), (), OcclusionConfig(), rng)
    with pytest.raises(ValueError, match="^others: expected masks for the occluder kind object, got none$"):
        draw_occlusion(square(), (), OcclusionConfig(), rng)
