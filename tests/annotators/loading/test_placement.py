"""A placement is exactly undone, and labels are never interpolated."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from medseg.annotators.loading.grid import Grid, labels_to_grid
from medseg.annotators.loading.placement import image_to_grid, probs_to_native
from medseg.contracts import UNLABELLED


def blob(shape: tuple[int, ...]) -> np.ndarray:
    grid = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    return (sum((axis - 0.2) ** 2 for axis in grid) < 0.3).astype(np.int16)


def test_resize_keeps_the_aspect_and_pads_with_unlabelled() -> None:
    placement = Grid(mode="resize", size=(32, 32)).place((40, 80), np.eye(4), None)
    assert placement.resized_shape == (16, 32)
    assert (placement.before, placement.after) == ((8, 0), (8, 0))
    labels = labels_to_grid(np.ones((1, 40, 80), np.int16), placement)
    assert labels.shape == (1, 32, 32)
    assert (labels[0, 8:24] == 1).all() and (labels[0, :8] == UNLABELLED).all()


def test_resize_keeps_the_aspect_in_mm_of_an_anisotropic_volume() -> None:
    placement = Grid(mode="resize", size=(16, 16, 16)).place((32, 32, 8), np.diag([1.0, 1, 4, 1]), (1.0, 1.0, 4.0))
    assert placement.resized_shape == (16, 16, 16)


def test_patch_resamples_to_the_spacing_and_pads_to_the_patch() -> None:
    placement = Grid(mode="patch", size=(16, 8, 8), spacing_mm=(1, 1, 1)).place(
        (20, 20, 5), np.diag([0.5, 0.5, 2, 1]), (0.5, 0.5, 2.0)
    )
    assert placement.resized_shape == (10, 10, 10)
    assert tuple(np.add(placement.before, placement.after)) == (6, 0, 0)


@pytest.mark.parametrize("scale", [None, (0.3, 0.6)])
def test_a_spacing_in_pixels_needs_no_scale_and_heeds_none(scale: tuple[float, ...] | None) -> None:
    """41 / 2 and 60 / 1.5; a checkerboard of 2 x 2 blocks is that of its pixels."""
    halved = Grid(mode="patch", size=(16, 48), spacing_pixels=(2, 1.5))
    assert halved.place((41, 60), np.eye(4), scale).resized_shape == (20, 40)
    blocks = np.kron(np.indices((10, 12)).sum(0) % 2, np.ones((2, 2), int))[None].astype(np.int16)
    placement = Grid(mode="patch", size=(8, 8), spacing_pixels=(2, 2)).place((20, 24), np.eye(4), scale)
    on_grid = labels_to_grid(blocks, placement)
    np.testing.assert_array_equal(on_grid[0], np.indices((10, 12)).sum(0) % 2)
    back = probs_to_native(on_grid.astype(np.float32), placement)
    np.testing.assert_array_equal(back > 0.5, blocks > 0)


def test_pixels_are_those_of_the_axes_that_the_network_sees() -> None:
    """The file's first axis runs from foot to head: the network sees it last."""
    affine = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [3, 0, 0, 0], [0, 0, 0, 1.0]])
    grid = Grid(mode="patch", size=(4, 4, 4), spacing_pixels=(2, 4, 1))
    placement = grid.place((10, 20, 40), affine, (3.0, 1.0, 1.0))
    assert (placement.oriented_shape, placement.resized_shape) == ((20, 40, 10), (10, 10, 10))
    assert probs_to_native(np.zeros((2, 10, 10, 10), np.float32), placement).shape == (2, 10, 20, 40)


@pytest.mark.parametrize("shape, size", [((50, 70), (32, 32)), ((24, 20), (64, 64))])
def test_there_and_back_again_loses_little(shape: tuple[int, ...], size: tuple[int, ...]) -> None:
    truth = blob(shape)
    placement = Grid(mode="resize", size=size).place(shape, np.eye(4), None)
    on_grid = labels_to_grid(truth[None], placement)
    back = probs_to_native((on_grid == 1).astype(np.float32), placement)[0] > 0.5
    assert back.shape == shape
    assert 2 * (back & (truth > 0)).sum() / (back.sum() + truth.sum()) > 0.95


@pytest.mark.parametrize("codes", ["LPS", "SRA", "RAS"])
def test_volumes_are_seen_in_one_orientation_and_returned_in_their_own(codes: str) -> None:
    ras = blob((12, 16, 8))
    ornt = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(tuple(codes))
    )
    stored = nib.orientations.apply_orientation(ras, ornt)
    affine = nib.orientations.inv_ornt_aff(ornt, ras.shape)
    placement = Grid(mode="patch", size=(12, 16, 8)).place(stored.shape, affine, (1.0, 1.0, 1.0))
    on_grid = labels_to_grid(stored[None], placement)
    np.testing.assert_array_equal(on_grid[0], ras)
    np.testing.assert_array_equal(probs_to_native(on_grid.astype(np.float32), placement)[0], stored)


def test_labels_of_many_classes_stay_what_they_are() -> None:
    labels = np.random.default_rng(0).choice([0, 3, 7, UNLABELLED], (2, 33, 21)).astype(np.int16)
    on_grid = labels_to_grid(labels, Grid(mode="resize", size=(64, 64)).place((33, 21), np.eye(4), None))
    assert set(np.unique(on_grid)) <= {0, 3, 7, UNLABELLED}


def test_each_channel_has_mean_zero_and_deviation_one() -> None:
    image = np.random.default_rng(0).normal(50, 9, (2, 32, 32)).astype(np.float32)
    image[1] = 7  # a constant channel must not divide by zero
    on_grid = image_to_grid(image, Grid(mode="resize", size=(32, 32)).place((32, 32), np.eye(4), None))
    assert abs(on_grid[0].mean()) < 1e-5 and abs(on_grid[0].std() - 1) < 1e-4
    assert (on_grid[1] == 0).all()
