"""What a case of a cohort of objects yields: objects, and those that were dropped with the reason."""

from __future__ import annotations

from dataclasses import dataclass

from medseg.amodal.nouns import AmodalObject


@dataclass(frozen=True)
class Dropped:
    """An object that is neither trained on nor judged, why, and how many of its voxels are visible."""

    name: str
    label: str
    reason: str
    voxels: int


@dataclass(frozen=True)
class Extraction:
    """All that one case holds."""

    objects: tuple[AmodalObject, ...]
    dropped: tuple[Dropped, ...]


def too_small(voxels: int, smallest: int) -> str:
    """The reason for which an object of so many visible voxels is dropped, or nothing."""
    return f"smaller than {smallest} voxels" if voxels < smallest else ""


def too_little_occluded(voxels: int, smallest: int) -> str:
    """The reason for which an object with so many occluded voxels is dropped, or nothing."""
    return f"occluded part smaller than {smallest} voxels" if voxels < smallest else ""
