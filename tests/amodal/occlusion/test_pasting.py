"""Small masks turned and pasted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from medseg.amodal.occlusion.pasting import paste, turned

L_SHAPE = np.array([[1, 1, 1], [1, 0, 0]], bool)
QUARTER = np.array([[0.0, -1.0], [1.0, 0.0]])


def test_no_turn_leaves_the_mask_and_trims_its_box():
    np.testing.assert_array_equal(turned(np.pad(L_SHAPE, 3), np.eye(2)), L_SHAPE)


def test_a_quarter_turn_and_a_mirror_are_exact():
    np.testing.assert_array_equal(turned(L_SHAPE, QUARTER), np.rot90(L_SHAPE))
    np.testing.assert_array_equal(turned(L_SHAPE, np.diag([1.0, -1.0])), L_SHAPE[:, ::-1])


def test_a_turn_keeps_the_area_of_a_disk_and_the_volume_of_a_ball():
    angle = 0.7
    turn = np.eye(3)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    for dims in (2, 3):
        ball = (np.mgrid[(slice(-9, 10),) * dims] ** 2).sum(0) <= 64
        assert turned(ball, turn[:dims, :dims]).sum() == pytest.approx(ball.sum(), rel=0.03)


def test_a_speck_that_vanishes_when_turned_is_left_as_it_lies():
    speck = np.zeros((3, 3, 3), bool)
    speck[[0, 2, 0, 2], [0, 2, 2, 0], [0, 2, 0, 2]] = True
    turn = Rotation.from_euler("xyz", (10, 20, 50), degrees=True).as_matrix()
    np.testing.assert_array_equal(turned(speck, turn), speck)


def test_a_mask_outside_of_the_canvas_pastes_nothing():
    canvas = np.zeros((4, 4), bool)
    for first in ((-9, 0), (0, 9), (9, -9)):
        paste(canvas, L_SHAPE, np.array(first))
    assert not canvas.any()


def test_pasting_adds():
    canvas = np.eye(4, dtype=bool)
    paste(canvas, L_SHAPE, np.array([1, 1]))
    np.testing.assert_array_equal(canvas, [[1, 0, 0, 0], [0, 1, 1, 1], [0, 1, 1, 0], [0, 0, 0, 1]])


def test_an_empty_mask_has_no_middle_to_turn_about():
    with pytest.raises(ValueError, match="^mask to turn: expected an object, got an empty mask$"):
        turned(np.zeros((3, 3), bool), np.eye(2))
