from __future__ import annotations

import numpy as np
import pytest

from medseg.contracts import Refused
from medseg.training.pictures import draw_matrix, drawable_mask, window_to_uint8


def test_any_range_is_stretched_to_the_whole_of_uint8() -> None:
    shown = window_to_uint8(np.linspace(-1000.0, 3000.0, 101))
    assert shown.dtype == np.uint8
    assert (shown[0], shown[50], shown[100]) == (0, 128, 255)  # (.50 - .01) / .98 * 255 = 127.5
    assert window_to_uint8(np.linspace(0.0, 1.0, 101))[25] == round(255 * 0.24 / 0.98)


def test_an_8_bit_image_stays_as_it_is_and_a_constant_one_is_no_division_by_zero() -> None:
    image = np.array([[3, 7]], np.uint8)
    assert np.array_equal(window_to_uint8(image), image)
    assert np.array_equal(window_to_uint8(np.full((2, 2), 5.0)), np.zeros((2, 2)))


def test_an_unlabelled_voxel_gets_the_number_after_the_last_class() -> None:
    assert drawable_mask(np.array([[-1, 0, 1]]), (1, 3), 2, "bob").tolist() == [[2, 0, 1]]


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(Refused, match=r"mask shape: expected 4x4, got 4x5 \(bob\)"):
        drawable_mask(np.zeros((4, 5), int), (4, 4), 2, "bob")


def test_a_matrix_is_drawn_with_its_class_names_and_numbers() -> None:
    matrix = np.array([[0.9, 0.2], [0.1, 0.8]])
    drawn = draw_matrix(matrix, ["background", "lesion"])
    assert drawn.dtype == np.uint8 and drawn.ndim == 3 and drawn.shape[2] == 3
    assert drawn.min() < 100 < drawn.max()
    assert not np.array_equal(drawn, draw_matrix(matrix.T, ["background", "lesion"]))
