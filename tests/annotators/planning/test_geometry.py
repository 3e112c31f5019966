"""The plan's sums, against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.planning.geometry import filled, kernels, planned_geometry, poolings


def test_small_pictures_are_shown_whole_on_a_square_where_they_nearly_are_one() -> None:
    """173 x 152: 152 is more than two thirds of 173. 160 is halved four times; 4 of 160 x 160 are a step."""
    planned = planned_geometry((173, 152), (1, 1), scaled=False, cases=31)
    assert (planned.mode, planned.size, planned.spacing) == ("resize", (160, 160), None)
    assert planned.strides == ((2, 2),) * 4 and planned.channels == (16, 32, 64, 128, 256)
    assert planned.kernels == ((3, 3),) * 5 and planned.heads == 2
    assert planned.batch_size == 4


def test_pictures_that_are_long_keep_their_aspect_and_small_ones_are_not_enlarged() -> None:
    """200 x 50 -> 160 x 40. 50 x 20 (40 %): 50 -> 48, a multiple of 8, and 20 -> 24 or 16, halved twice: of 4."""
    assert planned_geometry((50, 200), (1, 1), scaled=False, cases=9).size == (40, 160)
    planned = planned_geometry((50, 20), (1, 1), scaled=False, cases=9)
    assert planned.size == (48, 20) and planned.strides == ((2, 2), (2, 2), (2, 1))
    assert planned.batch_size == 8  # 102400 / 960 would be 107


def test_the_grid_follows_millimetres_where_pixels_are_not_square() -> None:
    """100 x 100 pixels of 1 x 2 mm are 100 x 200 mm, as long as 200 of the finer pixels."""
    assert planned_geometry((100, 100), (1, 2), scaled=True, cases=9).size == (80, 160)


def test_large_pictures_are_cut_into_patches_as_they_are() -> None:
    """960 x 999 is less than 64 patches of 160 x 160, which would be 1,638,400."""
    planned = planned_geometry((960, 999), (1, 1), scaled=False, cases=18)
    assert (planned.mode, planned.size, planned.spacing) == ("patch", (160, 160), None)


def test_very_large_ones_are_coarsened_to_64_patches() -> None:
    """2560 x 2560 is four times as much: half as many along each axis."""
    assert planned_geometry((2560, 2560), (1, 1), scaled=False, cases=9).spacing == (2, 2)
    assert planned_geometry((2560, 2560), (0.5, 0.5), scaled=True, cases=9).spacing == (1, 1)


def test_a_patch_is_as_long_in_mm_along_each_axis_as_far_as_the_image_goes() -> None:
    """300 x 300 x 20 voxels of 1 x 1 x 4 mm: 40^3 voxels are a cube of 63.5 mm, 63.5 x 63.5 x 15.9 voxels.

    The third axis is halved when the others have reached 4 mm, that is in the third step: 63.5 -> 64, 15.9 -> 16.
    """
    planned = planned_geometry((300, 300, 20), (1, 1, 4), scaled=True, cases=9)
    assert planned.spacing == (1, 1, 4)
    assert planned.strides == ((2, 2, 1), (2, 2, 1), (2, 2, 2))
    assert planned.size == (64, 64, 16)
    assert planned.batch_size == 2


def test_only_the_axes_with_many_voxels_are_coarsened() -> None:
    """64 patches of 40^3 are 4,096,000 voxels: 20 slices leave 452.5 x 452.5 of 2000 x 2000."""
    planned = planned_geometry((2000, 2000, 20), (0.2, 0.2, 4), scaled=True, cases=9)
    assert planned.spacing == pytest.approx((0.884, 0.884, 4), abs=0.001)


def test_filled_stops_at_the_lengths() -> None:
    np.testing.assert_allclose(filled(np.array([100.0, 100, 4]), np.ones(3), 1600), (20, 20, 4))
    np.testing.assert_allclose(filled(np.array([10.0, 10, 4]), np.ones(3), 1600), (10, 10, 4))
    np.testing.assert_allclose(filled(np.array([100.0, 100]), np.array([1.0, 4]), 400), (10, 40))


def test_poolings_stop_at_four_voxels_and_leave_a_coarse_axis_alone() -> None:
    assert poolings((28, 28), (1, 1)) == ((2, 2), (2, 2))  # 14, 7; 3.5 is too few
    assert poolings((96, 96), (1, 1)) == ((2, 2),) * 4
    assert poolings((512, 512), (1, 1)) == ((2, 2),) * 4  # not more, for the sake of two cores
    assert poolings((64, 64, 12), (1, 1, 3)) == ((2, 2, 1), (2, 2, 2), (2, 2, 1), (2, 2, 1))
    assert poolings((5, 7), (1, 1)) == ()


def test_convolutions_do_not_reach_along_an_axis_that_is_coarse_at_their_level() -> None:
    """4 mm beside 1 and 2 mm is coarse, beside 4 mm it is not; 1.5 mm beside 1 mm never is."""
    flat = kernels((1, 1, 4), ((2, 2, 1), (2, 2, 1), (2, 2, 2)))
    assert flat == ((3, 3, 1), (3, 3, 1), (3, 3, 3), (3, 3, 3))
    assert kernels((1, 1, 1.5), ((2, 2, 2),)) == ((3, 3, 3),) * 2


@pytest.mark.parametrize("shape", [(3, 3), (5, 200), (6, 6, 1), (512, 512, 1), (6, 8, 4)])
def test_even_tiny_images_have_a_network_of_two_levels_that_fits(shape: tuple[int, ...]) -> None:
    planned = planned_geometry(shape, (1,) * len(shape), scaled=False, cases=3)
    assert len(planned.channels) >= 2 and 1 <= planned.batch_size <= 3
    assert not np.any(np.array(planned.size) % np.prod(planned.strides, axis=0))
