"""Where a voxel grid lies in the patient: how far two grids are apart, and whether one mirrors the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

Affine = NDArray[np.float64]

PATIENT_AXES = ("left-right", "front-back", "head-foot")
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def spacing_of(affine: Affine, spatial_dims: int) -> tuple[float, ...]:
    """Length in mm of a voxel along each of the first axes: the norms of the affine's columns."""
    return tuple(float(length) for length in np.linalg.norm(affine[:3, :spatial_dims], axis=0))


def flattened_axes(affine: Affine, spatial_dims: int) -> bool:
    """Whether an affine (4,4) is not finite, or gives two voxels of a grid of so many axes one place."""
    columns = affine[:3, :spatial_dims]
    if not np.isfinite(affine).all() or not np.linalg.norm(columns, axis=0).all():
        return True
    turned = columns / np.linalg.norm(columns, axis=0)
    return bool(np.linalg.svd(turned, compute_uv=False).min() < 1e-4)


def corner_distance_mm(affine_a: Affine, affine_b: Affine, shape: Sequence[int]) -> float:
    """Largest distance in mm between the corner voxels of a grid (S...) under two affines (4,4)."""
    corners = np.zeros((2 ** len(shape), 4))
    corners[:, : len(shape)] = list(product(*((0, length - 1) for length in shape)))
    corners[:, 3] = 1
    apart_mm = np.einsum("xi,ni->nx", (affine_a - affine_b)[:3], corners)
    return float(np.linalg.norm(apart_mm, axis=1).max())


def flipped_axes(affine_a: Affine, affine_b: Affine, spatial_dims: int) -> tuple[str, ...]:
    """The patient axes along which b's voxel axes run against a's; empty unless that is the only difference.

    Origins are not compared: a file whose direction was lost often keeps its origin.
    """
    columns_a, columns_b = affine_a[:3, :spatial_dims].T, affine_b[:3, :spatial_dims].T
    names = []
    for a, b in zip(columns_a, columns_b, strict=True):
        if np.allclose(a, -b, atol=1e-4):
            names.append(PATIENT_AXES[int(np.abs(a).argmax())])
        elif not np.allclose(a, b, atol=1e-4):
            return ()
    return tuple(names)
