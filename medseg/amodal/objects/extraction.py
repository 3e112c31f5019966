"""What a case of a cohort of objects yields: objects, and those that were dropped with the reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.nouns import AmodalObject
from medseg.contracts import ObjectRules

Mask = NDArray[np.bool_]


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
    specks: tuple[AmodalObject, ...] = ()
    """Of what was dropped as too small, that of which anything may be hidden: pieces, it may be, of one of the
    ``objects``."""


def too_small(voxels: int, smallest: int) -> str:
    """The reason for which an object of so many visible voxels is dropped, or nothing."""
    return f"smaller than {smallest} voxels" if voxels < smallest else ""


def too_little_occluded(voxels: int, smallest: int) -> str:
    """The reason for which an object with so many occluded voxels is dropped, or nothing."""
    return f"occluded part smaller than {smallest} voxels" if voxels < smallest else ""


def reason_to_drop(visible: Mask, amodal: Mask | None, rules: ObjectRules) -> str:
    """The first that applies to masks (S...) of a whole map, or nothing."""
    extent = visible if amodal is None else amodal
    if reason := too_small(int(visible.sum()), rules.smallest):
        return reason
    if rules.border == "drop" and any(extent.take(end, axis).any() for axis in range(extent.ndim) for end in (0, -1)):
        return "touches the border"
    occluded = 0 if amodal is None else int((amodal & ~visible).sum())
    return too_little_occluded(occluded, rules.smallest_occluded) if occluded else ""
