"""What a file says of its image before any voxel is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class ImageHeader:
    """A Volume without its array: what ``read_image`` would give has this shape and lies here."""

    channels: int
    """C of the array."""
    shape: tuple[int, ...]
    """(S,) of the array."""
    affine: NDArray[np.float64]
    """(4,4) voxel index -> mm, as in Volume."""
    spacing_mm: tuple[float, ...] | None
    """(S,) as in Volume."""
