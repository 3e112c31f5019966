"""What a case of a cohort of objects yields: objects, and those that were dropped with the reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.nouns import AmodalObject


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """An object that is neither trained on nor judged."""

    name: str
    """``<case>/<class name>-<number>``."""
    label: str
    """Name of its class."""
    reason: str
    """Why."""
    voxels: int
    """How many of them are visible."""


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """All that one case holds."""

    objects: tuple[AmodalObject, ...]
    """What is trained on, judged and completed."""
    dropped: tuple[Dropped, ...]
    """What is not."""


def too_small(voxels: int, smallest: int) -> str:
    """The reason for which an object of so many visible voxels is dropped, or nothing."""
    return f"smaller than {smallest} voxels" if voxels < smallest else ""


def too_little_occluded(voxels: int, smallest: int) -> str:
    """The reason for which an object with so many occluded voxels is dropped, or nothing."""
    return f"occluded part smaller than {smallest} voxels" if voxels < smallest else ""


def at_border(mask: NDArray[np.bool_]) -> bool:
    """Whether a mask (S...) of a whole map has a voxel at its border."""
    return any(mask.take(end, axis).any() for axis in range(mask.ndim) for end in (0, -1))
