"""Objects among neighbours: what hides them, what presses on them, what lies behind."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import label

from medseg.amodal.occlusion.scenes import Scene, draw_scene
from medseg.amodal.occlusion.sections import Kind, OcclusionConfig

from .conftest import square

OTHERS = (np.ones((4, 40), bool), np.ones((9, 12), bool))
AMODAL = square(40, 12, 28)


def drawn(seed: int = 0, kinds: tuple[Kind, ...] = ("object",), **ranges: float) -> Scene:
    config = OcclusionConfig(kinds=kinds).model_copy(update={"another": 0.0, "strangers": 0.0, **ranges})
    return draw_scene(AMODAL, OTHERS, config, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(20))
def test_visible_and_what_the_occluder_shares_are_the_amodal_mask(seed: int):
    scene = drawn(seed, kinds=("object", "bar", "blob", "half_space"), another=0.9)
    assert not (scene.visible & scene.occluder).any() and scene.visible.any()
    np.testing.assert_array_equal(scene.amodal, scene.visible | (scene.amodal & scene.occluder))
    assert not (scene.amodal & ~AMODAL).any()


@pytest.mark.parametrize("seed", range(12))
def test_what_presses_on_an_object_hides_nothing_and_takes_a_little_of_it(seed: int):
    scene = drawn(seed, kinds=("object", "bar", "blob"), touching=1.0)
    np.testing.assert_array_equal(scene.visible, scene.amodal)
    assert AMODAL.sum() * 0.9 <= scene.amodal.sum() <= AMODAL.sum()


def test_two_that_press_on_each_other_share_a_speck_where_they_touch():
    """Of at most 13 pixels, a disk of radius 2, and no more of the object than a line of 5 along its edge beside it."""
    scenes = [drawn(seed, touching=1.0, specks=1.0) for seed in range(40)]
    sizes = [int((scene.amodal & scene.occluder).sum()) for scene in scenes]
    assert 1 in sizes and max(sizes) > 2 and all(0 < size <= 13 for size in sizes)
    for scene, without in zip(scenes, (drawn(seed, touching=1.0) for seed in range(40)), strict=True):
        shared = scene.amodal & scene.occluder
        np.testing.assert_array_equal(scene.visible, scene.amodal & ~shared)
        assert not (scene.amodal & ~without.amodal & ~without.occluder).any()  # of one or the other, as it was before
        assert (scene.amodal | scene.occluder).sum() == (without.amodal | without.occluder).sum()
    assert np.mean([(s := drawn(n, touching=1.0, specks=0.3)).visible.sum() < s.amodal.sum() for n in range(99)]) < 0.45


def test_what_a_swollen_overlap_takes_belongs_to_the_object():
    scenes = [drawn(seed, touching=0.0, shallow=0.0, swollen=3) for seed in range(30)]
    assert sum(bool((scene.amodal & ~AMODAL).any()) for scene in scenes) > 8
    for scene in scenes:
        assert not (scene.visible & scene.occluder).any()
        np.testing.assert_array_equal(scene.amodal, scene.visible | (scene.amodal & scene.occluder))


def test_what_two_claim_is_divided_where_they_press_on_each_other():
    scenes = [drawn(seed, touching=1.0) for seed in range(40)]
    dented = [scene for scene in scenes if scene.amodal.sum() < AMODAL.sum()]
    assert len(dented) > 10 and all((AMODAL & ~scene.amodal & scene.occluder).any() for scene in dented)


def test_a_field_of_view_has_no_body_that_could_press():
    hidden = [
        (scene := drawn(seed, kinds=("half_space",), touching=1.0, nothing=0.0)).amodal.sum() for seed in range(5)
    ]
    assert hidden == [AMODAL.sum()] * 5 and (scene.visible.sum() < scene.amodal.sum())


def test_shallow_overlaps_hide_a_tenth_of_the_highest_share_at_most():
    for seed in range(10):
        scene = drawn(seed, kinds=("bar",), touching=0.0, nothing=0.0, shallow=1.0, occluded=(0.05, 0.5))  # type: ignore[arg-type]
        assert (scene.amodal & ~scene.visible).sum() <= 0.05 * AMODAL.sum() + 1


def test_more_neighbours_hide_more():
    alone = [drawn(seed, touching=0.0, nothing=0.0, another=0.0) for seed in range(30)]
    among = [drawn(seed, touching=0.0, nothing=0.0, another=0.99) for seed in range(30)]
    hidden = [np.mean([(scene.amodal & ~scene.visible).sum() for scene in scenes]) for scenes in (alone, among)]
    assert hidden[1] > 1.3 * hidden[0]


def test_something_of_the_object_is_always_left_to_be_seen():
    speck = np.zeros((20, 20), bool)
    speck[9:11, 10] = True
    config = OcclusionConfig(kinds=("half_space",), touching=0.0, nothing=0.0, another=0.99, strangers=0.0)
    scenes = [draw_scene(speck, (), config, np.random.default_rng(seed)) for seed in range(30)]
    assert all(scene.visible.any() for scene in scenes)
    assert any((scene.visible == speck).all() and not (scene.occluder & speck).any() for scene in scenes)


def test_a_stranger_is_a_second_object_behind_the_same_neighbour():
    scenes = [drawn(seed, touching=0.0, nothing=0.0, strangers=1.0) for seed in range(20)]
    strange = [scene for scene in scenes if (scene.amodal & ~AMODAL).any()]
    assert len(strange) > 5
    for scene in strange:
        assert label(scene.amodal, connectivity=2).max() == 2 and not (scene.visible & scene.occluder).any()
        assert (scene.visible & ~AMODAL).any()
