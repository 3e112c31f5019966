"""Masks on another grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import grid_sample


def resampled(
    values: NDArray[np.float32], matrix: NDArray[np.floating], offset: NDArray[np.floating], shape: Sequence[int]
) -> NDArray[np.float32]:
    """(...,S...) at ``matrix @ g + offset`` for every index g of ``shape``, linearly; beyond the borders is nothing."""
    size = np.asarray(values.shape[-len(shape) :])
    scaled = 2 * matrix / size[:, None]  # grid_sample counts from -1 to 1, borders included, and the last axis first
    start = (2 * offset + 1) / size - 1
    along = np.meshgrid(*(np.arange(length, dtype=np.float32) for length in shape), indexing="ij", sparse=True)
    places = np.empty((1, *shape, len(shape)), np.float32)
    for axis, (first, steps) in enumerate(zip(start, scaled.astype(np.float32), strict=True)):
        places[..., -1 - axis] = sum(
            (step * index for step, index in zip(steps, along, strict=True)), np.float32(first)
        )
    channels = torch.from_numpy(np.ascontiguousarray(values)).reshape(1, -1, *size.tolist())
    found = grid_sample(channels, torch.from_numpy(places), padding_mode="zeros", align_corners=False)
    return found.numpy().reshape(*values.shape[: -len(shape)], *shape)
