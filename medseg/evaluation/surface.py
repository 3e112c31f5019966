"""How far apart the surfaces of two label maps lie, one class at a time.

Every score is a length in mm, or in px where the image has no scale (``length_unit`` says which);
lower is better; a mask that is empty in either map makes it nan, because there is no surface to
measure from: report how many were left out. A surface is the set of voxels that one erosion removes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from monai.metrics.hausdorff_distance import compute_hausdorff_distance
from monai.metrics.surface_distance import compute_average_surface_distance
from numpy.typing import NDArray


def length_unit(spacing_mm: tuple[float, ...] | None) -> str:
    """Unit of the lengths computed with this spacing: "mm", or "px" for a picture without a scale."""
    return "px" if spacing_mm is None else "mm"


def hd95(a: NDArray[np.integer], b: NDArray[np.integer], label: int, spacing_mm: tuple[float, ...] | None) -> float:
    """95 % Hausdorff distance of one class: the larger of the two directed 95th percentiles.

    a, b: (S...) class indices; spacing_mm: voxel length along each S axis. nan if either is empty.

    >>> column = np.zeros((5, 8), int)
    >>> column[:, 2] = 1
    >>> hd95(column, np.roll(column, 3, axis=1), label=1, spacing_mm=(1.0, 0.5))
    1.5
    """
    return _between(a, b, label, partial(compute_hausdorff_distance, percentile=95, spacing=spacing_mm))


def assd(a: NDArray[np.integer], b: NDArray[np.integer], label: int, spacing_mm: tuple[float, ...] | None) -> float:
    """Average symmetric surface distance of one class, over the surface voxels of both maps.

    a, b: (S...) class indices; spacing_mm: voxel length along each S axis. nan if either is empty.

    >>> column = np.zeros((5, 8), int)
    >>> column[:, 2] = 1
    >>> assd(column, np.roll(column, 3, axis=1), label=1, spacing_mm=None)  # in pixels
    3.0
    """
    return _between(a, b, label, partial(compute_average_surface_distance, symmetric=True, spacing=spacing_mm))


def _between(
    a: NDArray[np.integer], b: NDArray[np.integer], label: int, distance: Callable[..., torch.Tensor]
) -> float:
    if not ((a == label).any() and (b == label).any()):
        return float("nan")
    with warnings.catch_warnings():  # MONAI 1.6 warns of an argument that it passes itself
        warnings.filterwarnings("ignore", message=".*always_return_as_numpy", category=FutureWarning)
        return float(distance(_one_channel(a, label), _one_channel(b, label), include_background=True))


def _one_channel(labels: NDArray[np.integer], label: int) -> torch.Tensor:
    """(S...) class indices -> (1,1,S...) mask of one class, as MONAI wants it."""
    return torch.from_numpy(labels == label)[None, None]
