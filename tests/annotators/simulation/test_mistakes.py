"""Mistakes applied to labels small enough to be drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.simulation.mistakes import BoundaryShift, Cuts, Displacement, InTurn, Relabelling, VoxelConfusion


def square(size: int = 8, start: int = 3, stop: int = 5, dims: int = 2) -> np.ndarray:
    labels = np.zeros((size,) * dims, int)
    labels[(slice(start, stop),) * dims] = 1
    return labels


def test_radius_1_dilates_a_2x2_square_to_4x4():
    dilated = BoundaryShift(offset=1.0).apply(square(), 2)
    np.testing.assert_array_equal(dilated, square(start=2, stop=6))


def test_half_a_voxel_takes_the_face_neighbours_only():
    assert BoundaryShift(offset=0.5).apply(square(), 2).sum() == 4 + 8


def test_less_than_half_a_voxel_changes_nothing():
    for offset in (0.49, 0.0, -0.49):
        np.testing.assert_array_equal(BoundaryShift(offset=offset).apply(square(), 2), square())


def test_radius_1_dilates_a_2x2x2_cube_to_4x4x4_less_its_corners():
    assert BoundaryShift(offset=1.0).apply(square(dims=3), 2).sum() == 64 - 8


def test_erosion_undoes_the_dilation_of_a_square():
    dilated = BoundaryShift(offset=2.0).apply(square(12, 4, 8), 2)
    np.testing.assert_array_equal(BoundaryShift(offset=-2.0).apply(dilated, 2), square(12, 4, 8))


def test_erosion_removes_what_is_thinner_than_two_radii():
    assert BoundaryShift(offset=-1.0).apply(square(), 2).sum() == 0


def test_a_field_moves_the_boundary_where_it_is_large():
    field = np.zeros((8, 8))
    field[:, 5:] = 1.0
    moved = BoundaryShift(offset=field).apply(square(), 2)
    np.testing.assert_array_equal(np.argwhere(moved - square()), [[2, 5], [3, 5], [4, 5], [5, 5]])


def test_the_nearest_class_wins_and_the_lower_one_of_equals():
    labels = np.array([[1, 0, 0, 0, 0, 2], [1, 0, 0, 0, 2, 2]])
    # in the second row columns 1 and 2 are 1 and 2 voxels from class 1, column 2 is 2 from class 2 too
    grown = BoundaryShift(offset=2.0).apply(labels, 3)
    np.testing.assert_array_equal(grown, [[1, 1, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2]])


def test_a_lesion_grows_into_its_organ_and_gives_back_to_it():
    labels = square(14, 1, 13)
    labels[6:8, 6:8] = 2
    over, under = (BoundaryShift(offset=offset).apply(labels, 3) for offset in (1.0, -1.0))
    assert [(over == label).sum() for label in range(3)] == [0, 14 * 14 - 16, 16]
    assert [(under == label).sum() for label in range(3)] == [196 - 100, 100, 0]


def test_neighbours_that_are_not_each_others_host_keep_their_boundary():
    labels = np.zeros((7, 8), int)
    labels[2:5, 2:4], labels[2:5, 4:6] = 1, 2
    over = BoundaryShift(offset=1.0).apply(labels, 3)
    assert (over[2:5, 2:4] == 1).all() and (over[2:5, 4:6] == 2).all()
    assert (over[1:6, 1:7] > 0).all()


def test_a_class_that_fills_the_image_has_nowhere_to_go():
    labels = np.ones((4, 4), int)
    np.testing.assert_array_equal(BoundaryShift(offset=-1.0).apply(labels, 2), labels)


def test_a_cut_of_width_2_removes_the_line_and_half_a_voxel_on_each_side():
    cut = Cuts(points=np.array([[3.0, 0.0]]), normals=np.array([[1.0, 0.0]]), width=2.0)
    labels = np.ones((7, 5), int)
    np.testing.assert_array_equal(np.flatnonzero((cut.apply(labels, 2) == 0).all(axis=1)), [3])
    wide = Cuts(points=cut.points, normals=cut.normals, width=2.5)
    np.testing.assert_array_equal(np.flatnonzero((wide.apply(labels, 2) == 0).all(axis=1)), [2, 3, 4])


def test_an_oblique_cut_in_3d_follows_its_plane():
    normal = np.array([[1.0, 1.0, 0.0]]) / np.sqrt(2)
    cut = Cuts(points=np.array([[2.0, 2.0, 0.0]]), normals=normal, width=0.1).apply(np.ones((5, 5, 3), int), 2)
    x, y, _ = np.nonzero(cut == 0)
    assert (x + y == 4).all() and len(x) == 5 * 3


def test_displacement_brings_background_in():
    shifted = Displacement(vector=(2, -1)).apply(square(6, 3, 5), 2)
    np.testing.assert_array_equal(np.argwhere(shifted), [[5, 2], [5, 3]])
    assert shifted.dtype == int


def test_relabelling_looks_up():
    np.testing.assert_array_equal(Relabelling(written=(0, 2, 1)).apply(np.array([[0, 1, 2]]), 3), [[0, 2, 1]])


@pytest.mark.parametrize(("uniform", "written"), [(0.0, 0), (0.29, 0), (0.3, 1), (0.89, 1), (0.9, 2)])
def test_voxel_confusion_inverts_the_column_of_the_true_class(uniform: float, written: int):
    confusion = np.array([[1.0, 0.3, 0.0], [0.0, 0.6, 0.0], [0.0, 0.1, 1.0]])
    mistake = VoxelConfusion(confusion=confusion, uniforms=np.full((1, 3), uniform))
    np.testing.assert_array_equal(mistake.apply(np.array([[0, 1, 2]]), 3), [[0, written, 2]])


def test_mistakes_in_turn_apply_the_first_one_first():
    dilate, blank = BoundaryShift(offset=1.0), Relabelling(written=(0, 0))
    assert InTurn(mistakes=(blank, dilate)).apply(square(), 2).sum() == 0
    assert InTurn(mistakes=(dilate, Relabelling(written=(1, 0)))).apply(square(), 2).sum() == 64 - 16
