"""Occluders over squares and cubes, where the occluded share is a sum done by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from medseg.amodal.occlusion.hiding import apply_occlusion
from medseg.amodal.occlusion.occluders import Occlusion
from medseg.amodal.occlusion.sections import Kind

from .conftest import square


def occlusion(kind: Kind, covered: float, direction: tuple[float, ...], place: tuple[float, ...]) -> Occlusion:
    turn = np.eye(len(direction))
    turn[0] = direction
    return Occlusion(kind=kind, covered=covered, turn=turn, place=np.array(place), other=0)


def test_a_half_space_hides_the_three_lowest_rows_of_ten():
    occluded = apply_occlusion(square(), occlusion("half_space", 0.3, (1.0, 0.0), (10, 10)), ())
    np.testing.assert_array_equal(np.flatnonzero(occluded.occluder.all(axis=1)), np.arange(8))
    assert not occluded.occluder[8:].any()
    assert occluded.visible.sum() == 70 and occluded.visible[8:15, 5:15].all()


def test_a_bar_across_the_middle_hides_four_columns_of_ten():
    occluded = apply_occlusion(square(), occlusion("bar", 0.4, (1.0, 0.0), (0, 9.5)), ())
    np.testing.assert_array_equal(np.flatnonzero(occluded.occluder.all(axis=0)), [8, 9, 10, 11])
    assert occluded.occluder.sum() == 20 * 4 and occluded.visible.sum() == 60


def test_a_bar_through_a_cube_is_a_rod():
    rod = apply_occlusion(square(dims=3), occlusion("bar", 0.04, (0.0, 0.0, 1.0), (9.5, 9.5, 0)), ())
    np.testing.assert_array_equal(np.argwhere(rod.occluder.all(axis=2)), [[9, 9], [9, 10], [10, 9], [10, 10]])
    assert rod.occluder.sum() == 4 * 20 and rod.visible.sum() == 1000 - 40


def test_a_blob_without_waves_is_a_disk():
    blob = replace(occlusion("blob", 0.05, (1.0, 0.0), (10, 10)), waves=np.zeros((1, 2)), phases=np.array([np.pi / 2]))
    occluded = apply_occlusion(square(), blob, ())
    np.testing.assert_array_equal(np.argwhere(occluded.occluder), [[9, 10], [10, 9], [10, 10], [10, 11], [11, 10]])


@pytest.mark.parametrize(("covered", "rows"), [(0.01, 1), (0.14, 1), (0.16, 2), (0.3, 3), (0.99, 9)])
def test_slices_drop_out_whole_and_never_none_nor_all(covered: float, rows: int):
    occluded = apply_occlusion(square(), occlusion("slices", covered, (1.0, 0.0), (8.1, 0)), ())
    dropped = np.flatnonzero(occluded.occluder.all(axis=1) & square().any(axis=1))
    assert len(dropped) == rows and (np.diff(dropped) == 1).all()
    assert (
        occluded.visible.sum() == 100 - 10 * rows
        and not (occluded.occluder.any(axis=1) ^ occluded.occluder.all(1)).any()
    )


def test_another_object_lies_where_it_was_put_and_is_cut_off_at_the_canvas():
    amodal = square(8, 2, 6)
    occluded = apply_occlusion(amodal, occlusion("object", 0.0, (1.0, 0.0), (-1, 3)), (np.ones((5, 2), bool),))
    expected = np.zeros((8, 8), bool)
    expected[:4, 3:5] = True
    np.testing.assert_array_equal(occluded.occluder, expected)
    assert occluded.visible.sum() == 16 - 4


def test_another_object_is_turned():
    quarter = replace(occlusion("object", 0.0, (0.0, 0.0), (1, 0)), turn=np.array([[0.0, -1.0], [1.0, 0.0]]))
    shape = np.array([[1, 1, 1], [1, 0, 0]], bool)
    expected = np.zeros((8, 8), bool)
    expected[1:4, :2] = np.rot90(shape)
    np.testing.assert_array_equal(apply_occlusion(square(8, 2, 6), quarter, (shape,)).occluder, expected)


# ------------------------------------------------------------------------------- swollen overlaps
@pytest.mark.parametrize("in_front", [False, True])
def test_an_overlap_that_swells_takes_a_strip_of_each_arm_of_a_cross(in_front: bool):
    """The object is a bar of 6 x 20, the other one of 20 x 6 across its middle: they share 6 x 6."""
    amodal = np.zeros((24, 24), bool)
    amodal[9:15, 2:22] = True
    across = replace(occlusion("object", 0.3, (1.0, 0.0), (2, 9)), in_front=in_front)
    for by in range(3):
        found = apply_occlusion(amodal, replace(across, swollen=by), (np.ones((20, 6), bool),))
        whole, shared, arms = 120 + 2 * 6 * by, 36 + 4 * 6 * by, 2 * 6 * (7 - by)
        assert found.amodal.sum() == whole and not (found.amodal & ~amodal)[:, [8, 15]].any()
        assert found.visible.sum() == (whole if in_front else whole - shared) and not found.visible[:, 0].any()
        assert found.occluder.sum() == (arms if in_front else shared + arms)
        assert not (found.visible & found.occluder).any()


def test_a_sliver_does_not_swell():
    """Two that share four rows: no voxel of them is more than two from the border."""
    amodal = square(20, 5, 15)
    for rows, swells in ((4, False), (5, True)):
        over = replace(occlusion("object", 0.1, (1.0, 0.0), (5 + rows - 8, 2)), swollen=2)
        found = apply_occlusion(amodal, over, (np.ones((8, 16), bool),))
        assert bool((amodal & ~found.visible).sum() > 10 * rows) is swells
