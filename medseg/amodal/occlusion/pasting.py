"""Another object's mask, turned and laid on a canvas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.objects.crops import windows
from medseg.amodal.occlusion.resampling import resampled

Mask = NDArray[np.bool_]


def turned(mask: Mask, turn: NDArray[np.float64]) -> Mask:
    """The mask (S...) turned about its middle by ``turn`` (S,S), orthogonal, in its new box; linear, cut at 1/2.

    A speck that would vanish is left as it lies. Raises ValueError for an empty mask.
    """
    places = np.argwhere(mask)
    if len(places) == 0:
        raise ValueError("mask to turn: expected an object, got an empty mask")
    low, high = places.min(0), places.max(0)
    box = mask[tuple(slice(start, stop + 1) for start, stop in zip(low, high, strict=True))]
    middle = (high - low) / 2
    moved = (places - low - middle) @ turn.T
    first = moved.min(0)
    shape = (np.ceil(moved.max(0) - first - 1e-6).astype(int) + 1).tolist()
    offset = middle + first @ turn
    amodal = resampled(box.astype(np.float32), turn.T, offset, shape) >= 0.5 - 1e-4
    return amodal if amodal.any() else box


def paste(canvas: Mask, mask: Mask, first: NDArray[np.integer]) -> None:
    """Add the mask to the canvas, its first voxel at ``first``; what sticks out is cut off."""
    there, box = windows(canvas.shape, mask.shape, first)
    canvas[there] |= mask[box]
