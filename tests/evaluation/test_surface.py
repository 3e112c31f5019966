from __future__ import annotations

import warnings

import numpy as np
import pytest

from medseg.evaluation.surface import assd, hd95, length_unit


def square(corner: int, size: int = 3, grid: int = 20) -> np.ndarray:
    labels = np.zeros((grid, grid), dtype=np.int64)
    labels[5 : 5 + size, corner : corner + size] = 2
    return labels


def test_two_single_voxels_are_as_far_apart_as_their_spacing_says():
    a, b = np.zeros((1, 8), dtype=int), np.zeros((1, 8), dtype=int)
    a[0, 1], b[0, 5] = 1, 1
    assert hd95(a, b, 1, None) == pytest.approx(4)
    assert hd95(a, b, 1, (3.0, 0.5)) == pytest.approx(2)
    assert assd(a, b, 1, (3.0, 0.5)) == pytest.approx(2)


def test_spacing_follows_the_axes_of_the_array_in_3d():
    a, b = np.zeros((4, 4, 4), dtype=int), np.zeros((4, 4, 4), dtype=int)
    a[0, 0, 0], b[0, 0, 3] = 1, 1
    assert hd95(a, b, 1, (1.0, 1.0, 2.5)) == pytest.approx(7.5)
    assert hd95(a, b, 1, (2.5, 1.0, 1.0)) == pytest.approx(3)


def test_average_is_over_the_surface_voxels_of_both_maps():
    a, b = np.zeros((1, 9), dtype=int), np.zeros((1, 9), dtype=int)
    a[0, 2], b[0, [2, 5]] = 1, 1
    assert assd(a, b, 1, None) == pytest.approx((0 + 0 + 3) / 3)


def test_the_95th_percentile_forgives_one_voxel_in_a_hundred_and_is_symmetric():
    a = np.zeros((1, 300), dtype=int)
    a[0, 0:100] = 1
    b = a.copy()
    b[0, 250] = 1
    assert hd95(a, b, 1, None) == pytest.approx(0)
    b[0, 200:250] = 1
    assert hd95(a, b, 1, None) == hd95(b, a, 1, None) > 100


def test_empty_masks_are_undefined_and_equal_masks_touch():
    full, empty = square(3), np.zeros((20, 20), dtype=np.int64)
    for score in (hd95, assd):
        assert np.isnan(score(full, empty, 2, None))
        assert np.isnan(score(empty, full, 2, None))
        assert np.isnan(score(empty, empty, 2, None))
        assert np.isnan(score(full, full, 1, None))
        assert score(full, full, 2, None) == 0


def test_a_shift_by_one_column_in_millimetres_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert hd95(square(3), square(4), 2, (1.0, 0.7)) == pytest.approx(0.7)


def test_the_unit_follows_the_scale_of_the_image():
    assert length_unit((1.0, 1.0)) == "mm"
    assert length_unit(None) == "px"
