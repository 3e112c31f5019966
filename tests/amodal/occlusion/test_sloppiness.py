"""Masks that are a little too large or too small, counted by hand."""

from __future__ import annotations

import numpy as np

from medseg.amodal.occlusion.sloppiness import roughen, sloppy

from .conftest import rod, square


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


def test_a_sloppy_object_loses_or_gains_up_to_the_jitter_and_keeps_its_amodal_mask():
    amodal_object = rod(6, 14, room=4)
    areas = set()
    for seed in range(40):
        changed = sloppy(amodal_object, 2, np.random.default_rng(seed))
        areas.add(int(changed.visible.sum()))
        assert changed.amodal is amodal_object.amodal and changed.occluder is None
    expected = {int(roughen(amodal_object.visible, change).sum()) for change in range(-2, 3)}
    assert areas == expected and len(expected) == 5
