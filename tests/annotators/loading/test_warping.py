"""One resampling: right angles and doublings are exact, and labels stay with their image."""

from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.loading.warping import (
    Elastic,
    Rotation,
    Scaling,
    Warp,
    box_of,
    draw_warp,
    rotation_matrix,
    sources,
    warped_labels,
    warped_maps,
    warped_posterior,
)
from medseg.contracts import UNLABELLED

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(7, 7), (6, 6, 6)])
def test_a_rotation_by_90_degrees_is_a_quarter_turn(shape: tuple[int, ...]) -> None:
    labels = RNG.integers(0, 5, (3, *shape)).astype(np.int16)
    points = sources(shape, Warp(matrix=rotation_matrix(len(shape), (0, 1), 90)))
    np.testing.assert_array_equal(warped_labels(labels, points), np.rot90(labels, -1, axes=(1, 2)))
    image = labels.astype(np.float32)
    np.testing.assert_allclose(warped_maps(image, points), np.rot90(image, -1, axes=(1, 2)), atol=1e-4)


def test_a_rotation_about_another_axis_turns_its_plane() -> None:
    labels = RNG.integers(0, 5, (1, 4, 5, 5)).astype(np.int16)
    points = sources((4, 5, 5), Warp(matrix=rotation_matrix(3, (1, 2), 90)))
    np.testing.assert_array_equal(warped_labels(labels, points), np.rot90(labels, -1, axes=(2, 3)))


def test_magnified_by_two_each_voxel_of_the_middle_is_two_by_two() -> None:
    labels = np.indices((8, 8)).sum(0)[None].astype(np.int16)
    points = sources((8, 8), Warp(matrix=np.eye(2) / 2))
    np.testing.assert_array_equal(warped_labels(labels, points)[0], np.kron(labels[0, 2:6, 2:6], np.ones((2, 2))))


def test_outside_is_unlabelled_and_empty() -> None:
    """Half as large, an image of ones fills the 4 x 4 in the middle."""
    points = sources((8, 8), Warp(matrix=np.eye(2) * 2))
    inside = np.zeros((8, 8), bool)
    inside[2:6, 2:6] = True
    labels = warped_labels(np.ones((2, 8, 8), np.int16), points)
    np.testing.assert_array_equal(labels == UNLABELLED, np.broadcast_to(~inside, (2, 8, 8)))
    np.testing.assert_allclose(warped_maps(np.ones((1, 8, 8), np.float32), points)[0], inside, atol=1e-5)
    sums = warped_posterior(np.full((2, 8, 8), 0.5, np.float32), points).sum(0)
    np.testing.assert_allclose(sums, inside, atol=1e-5)


def strong(size: tuple[int, ...], seed: int) -> Warp:
    warp = draw_warp(
        size,
        np.random.default_rng(seed),
        rotation=Rotation(probability=1.0, degrees=180.0),
        scaling=Scaling(probability=1.0),
        elastic=Elastic(probability=1.0, distance=8.0),
    )
    assert warp is not None
    return warp


@pytest.mark.parametrize("seed", range(5))
def test_labels_stay_with_their_image_and_posterior(seed: int) -> None:
    """Of a disk: the image above one half, where it is clearly so, is the label, is the more probable class."""
    at = np.indices((40, 40)) - np.array([17, 22])[:, None, None]
    disk = (at**2).sum(0) < 100
    posterior = np.stack([~disk, disk]).astype(np.float32)
    points = sources((40, 40), strong((40, 40), seed))
    image = warped_maps(disk[None].astype(np.float32), points)[0]
    labels = warped_labels(disk[None].astype(np.int16), points)[0]
    fused = warped_posterior(posterior, points)
    clear = (labels != UNLABELLED) & (abs(image - 0.5) > 0.49)
    assert clear.mean() > 0.5 and (labels[clear] == 1).any()
    np.testing.assert_array_equal(labels[clear] == 1, image[clear] > 0.5)
    np.testing.assert_array_equal(labels[clear] == 1, fused[1][clear] > fused[0][clear])


@pytest.mark.parametrize("seed", range(5))
def test_a_patch_needs_no_more_of_a_case_than_its_box(seed: int) -> None:
    case = RNG.normal(size=(1, 60, 50)).astype(np.float32)
    points = sources((24, 16), strong((24, 16), seed)) + np.array([20, 30])[:, None, None]
    box = box_of(points, (60, 50))
    moved = points - np.array([along.start for along in box])[:, None, None]
    whole, part = warped_maps(case, points), warped_maps(case[(slice(None), *box)], moved)
    inside = np.all([(along >= 0) & (along <= n - 1) for along, n in zip(points, (60, 50), strict=True)], axis=0)
    np.testing.assert_allclose(part[0][inside], whole[0][inside], atol=1e-3)


def test_a_box_beside_the_case_is_not_empty() -> None:
    points = np.full((2, 3, 3), -9.0)
    assert box_of(points, (5, 5)) == (slice(0, 1), slice(0, 1))
    assert box_of(points + 30, (5, 5)) == (slice(4, 5), slice(4, 5))


def test_a_flat_patch_is_changed_in_its_plane_alone() -> None:
    points = sources((32, 32, 8), strong((32, 32, 8), 0))
    np.testing.assert_allclose(points[2], np.broadcast_to(np.arange(8.0), (32, 32, 8)), atol=1e-9)
    thicker = sources((24, 24, 8), strong((24, 24, 8), 0))
    assert np.abs(thicker[2] - np.arange(8.0)).max() > 1


def test_equal_coefficients_displace_all_voxels_alike() -> None:
    """Cubic B-splines are a partition of unity."""
    controls = np.broadcast_to(np.array([2.0, -1.0])[:, None, None], (2, 5, 6))
    points = sources((10, 12), Warp(matrix=np.eye(2), controls=controls))
    np.testing.assert_allclose(points - np.indices((10, 12)), np.broadcast_to(controls[:, :1, :1], (2, 10, 12)))
