"""Two grids: how far apart, and whether one mirrors the other; distances worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from medseg.images.geometry import corner_distance_mm, flipped_axes, spacing_of

GRID = np.diag([1.0, 2.0, 3.0, 1.0])


def test_spacing_is_the_length_of_the_columns() -> None:
    turned = GRID.copy()
    turned[:3, :2] = [[0, 2], [0.6, 0], [0.8, 0]]
    assert spacing_of(turned, 3) == pytest.approx((1, 2, 3))
    assert spacing_of(GRID, 2) == (1, 2)


def test_corner_distance_grows_with_the_number_of_voxels() -> None:
    wider = np.diag([1.0, 2.5, 3.0, 1.0])
    assert corner_distance_mm(GRID, wider, (4, 11, 6)) == pytest.approx(5)  # 10 steps of .5 mm
    moved = GRID.copy()
    moved[:3, 3] = 3, 4, 0
    assert corner_distance_mm(GRID, moved, (4, 11, 6)) == pytest.approx(5)
    assert corner_distance_mm(GRID, moved, (4, 11)) == pytest.approx(5)


def test_flips_are_named_by_the_patient_axis() -> None:
    mirrored = np.diag([-1.0, 2.0, 3.0, 1.0])
    mirrored[0, 3] = 5
    assert flipped_axes(GRID, mirrored, 3) == ("left-right",)
    assert flipped_axes(GRID, np.diag([-1.0, -2.0, 3.0, 1.0]), 3) == ("left-right", "front-back")
    swapped = GRID[:, [2, 1, 0, 3]]  # the first voxel axis runs from foot to head
    assert flipped_axes(swapped, swapped * [-1, 1, 1, 1], 3) == ("head-foot",)


def test_another_spacing_is_no_flip() -> None:
    assert flipped_axes(GRID, np.diag([-1.5, 2.0, 3.0, 1.0]), 3) == ()
    assert flipped_axes(GRID, GRID, 3) == ()
