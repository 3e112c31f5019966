"""Frames along the axes of an object: a turned copy is shown as the original is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medseg.amodal.occlusion.frames import frame_around, to_frame
from medseg.amodal.occlusion.sections import FrameConfig

from .conftest import extent, to_map


def lopsided(dims: int = 2) -> np.ndarray:
    """A rod with a hook at one of its ends: no turn and no mirror image of it is itself."""
    plane = np.zeros((40, 40), bool)
    plane[8:32, 16:22] = True
    plane[26:32, 22:28] = True
    if dims == 2:
        return plane
    volume = np.zeros((40, 40, 12), bool)
    volume[..., 4:7] = plane[..., None]
    volume[8:14, 16:22, 7:9] = True
    return volume


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_copy_is_shown_as_the_original_is(quarters: int):
    rules, mask = FrameConfig(size=(32, 32), spacing=1.0), lopsided()
    turned = np.rot90(mask, quarters)
    shown = [to_frame(array, frame_around(array, rules, None)) for array in (mask, turned)]
    np.testing.assert_allclose(shown[1], shown[0], atol=1e-4)
    apart = FrameConfig(size=(32, 32), spacing=1.0, align=False)
    assert (
        np.abs(np.subtract(*(to_frame(array, frame_around(array, apart, None)) for array in (mask, turned)))).max() == 1
    )


def test_a_turned_volume_is_shown_as_the_original_is():
    rules, mask = FrameConfig(size=(32, 32, 32), spacing=1.0), lopsided(3)
    turned = np.rot90(np.rot90(mask, 1, (0, 2)), 2, (0, 1))
    shown = [to_frame(array, frame_around(array, rules, None)) for array in (mask, turned)]
    np.testing.assert_allclose(shown[1], shown[0], atol=1e-4)


def test_the_longest_axis_comes_first_and_the_frame_is_turned_not_mirrored():
    for dims in (2, 3):
        mask = lopsided(dims)
        frame = frame_around(np.swapaxes(mask, 0, 1), FrameConfig(size=(40,) * dims, spacing=1.0), None)
        grid = to_frame(np.swapaxes(mask, 0, 1), frame) >= 0.5
        assert extent(grid)[0] == max(extent(grid)) > 20
        np.testing.assert_allclose(frame.matrix.T @ frame.matrix, np.eye(dims), atol=1e-9)
        assert np.linalg.det(frame.matrix) == pytest.approx(1.0)


def test_a_mirror_image_is_not_shown_as_the_original_is():
    rules, mask = FrameConfig(size=(32, 32), spacing=1.0), lopsided()
    shown = [to_frame(array, frame_around(array, rules, None)) for array in (mask, mask[::-1])]
    assert np.abs(shown[1] - shown[0]).max() > 0.9
    assert np.abs(np.flip(shown[1], 1) - shown[0]).max() < 1e-4


def test_axes_are_those_of_the_object_in_mm():
    """A rod of 24 x 10 voxels that are twice as wide as high lies the other way than it looks."""
    mask = np.zeros((30, 20), bool)
    mask[3:27, 5:15] = True
    frame = frame_around(mask, FrameConfig(size=(64, 64), spacing=1.0), (0.5, 2.0))
    assert extent(to_frame(mask, frame) >= 0.5) == [20, 12]


def test_one_voxel_has_a_frame():
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = True
    frame = frame_around(mask, FrameConfig(size=(8, 8), spacing=1.0), None)
    np.testing.assert_allclose(to_map(frame, (3.5, 3.5)), (2, 2))
    assert frame.reduction == 1.0 and math.isclose(to_frame(mask, frame).sum(), 1.0, rel_tol=1e-5)
