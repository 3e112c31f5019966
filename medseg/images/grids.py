"""Masks and channels on the grid of the image they belong to, brought there by their affines where that is exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from medseg.contracts import Refused, Volume, complaint
from medseg.images.geometry import Affine, corner_distance_mm, flipped_axes

CORNER_TOLERANCE_MM = 1e-3
"""Grids whose corners lie closer than this are the same grid."""

_INTEGER_TOLERANCE = 1e-3
"""Of the cosines between voxel axes that are said to be parallel; corners decide afterwards."""


def onto_grid(volume: Volume, image: Volume) -> Volume:
    """The volume with its axes in the order and direction of the image's, voxels unchanged; both (C,S...).

    A mask that a viewer stored mirrored, with an affine mirrored as well, lies where its image lies: index i of a
    mirrored axis of n voxels becomes n - 1 - i. Grids of which no reordering is enough come back as they are, and so
    does a picture without a scale; ``grid_complaints`` names them.
    """
    axes = volume.array.ndim - 1
    if volume.spacing_mm is None or image.spacing_mm is None or axes != image.array.ndim - 1:
        return volume
    step = _reordering(volume.affine, image.affine, axes)
    if step is None or (step == np.eye(axes)).all():
        return volume
    source = np.abs(step).argmax(axis=1)  # the volume's axis that lies along each axis of the image
    array = volume.array.transpose([0, *(source + 1)])
    mirrored = [axis for axis in range(axes) if step[axis, source[axis]] < 0]
    back = np.eye(4)  # index on the image's grid -> index in the volume's file
    back[:axes, :axes] = step.T
    for axis in mirrored:
        back[source[axis], 3] = array.shape[axis + 1] - 1
    shape, affine = array.shape[1:], volume.affine @ back
    if shape != image.array.shape[1:] or corner_distance_mm(affine, image.affine, shape) > CORNER_TOLERANCE_MM:
        return volume
    return replace(
        volume,
        array=np.ascontiguousarray(np.flip(array, tuple(axis + 1 for axis in mirrored))),
        affine=affine,
        spacing_mm=tuple(volume.spacing_mm[axis] for axis in source),
    )


def grid_complaints(what: str, volume: Volume, image: Volume, *, where: str, whose: str) -> list[str]:
    """Shape and affine of a volume (C,S...) against those of an image; a picture without a scale fits any."""
    shape, expected = volume.array.shape[1:], image.array.shape[1:]
    if shape != expected:
        return [complaint(f"{what} shape", f"{_size(expected)} ({whose})", _size(shape), where)]
    if volume.spacing_mm is None or image.spacing_mm is None:
        return []
    apart_mm = corner_distance_mm(volume.affine, image.affine, shape)
    if apart_mm <= CORNER_TOLERANCE_MM:
        return []
    flipped = flipped_axes(image.affine, volume.affine, len(shape))
    hint = f"; looks like a {' and '.join(flipped)} flip" if flipped else ""
    got = f"spacing {length_text(volume.spacing_mm)}, corners up to {apart_mm:.4g} mm apart{hint}"
    return [complaint(f"{what} affine", f"spacing {length_text(image.spacing_mm)} ({whose})", got, where)]


def require_grid(what: str, volume: Volume, image: Volume, *, where: str, whose: str) -> Volume:
    """``onto_grid``. Raises Refused with ``grid_complaints`` where the grids differ otherwise."""
    fitted = onto_grid(volume, image)
    found = grid_complaints(what, fitted, image, where=where, whose=whose)
    if found:
        raise Refused(found)
    return fitted


def with_spacing(volume: Volume, spacing_mm: Sequence[float] | None) -> Volume:
    """A picture without a scale under the one that is stated for it; other volumes, and None, as they are.

    Raises Refused for a scale of another number of axes.
    """
    if spacing_mm is None or volume.spacing_mm is not None:
        return volume
    axes = volume.array.ndim - 1
    if len(spacing_mm) != axes:
        raise Refused([complaint("spacing_mm", f"{axes} lengths", length_text(spacing_mm), "a picture")])
    affine = np.eye(4)
    affine[range(axes), range(axes)] = spacing_mm
    return replace(volume, affine=affine, spacing_mm=tuple(map(float, spacing_mm)))


def length_text(spacing_mm: Sequence[float] | None) -> str:
    """The lengths of a voxel, in mm; "none" without a scale."""
    return "x".join(f"{mm:.6g}" for mm in spacing_mm) + " mm" if spacing_mm else "none"


def _reordering(affine: Affine, image_affine: Affine, axes: int) -> Affine | None:
    """(axes,axes) of 0, 1 and -1: how steps along a volume's axes are steps along the image's; None: no such ones."""
    if not np.isfinite(affine).all() or not np.isfinite(image_affine).all():
        return None
    step = np.linalg.pinv(image_affine[:3, :axes]) @ affine[:3, :axes]
    whole = np.rint(step)
    is_one = (np.abs(whole).sum(axis=0) == 1).all() and (np.abs(whole).sum(axis=1) == 1).all()
    return whole if is_one and np.abs(step - whole).max() < _INTEGER_TOLERANCE else None


def _size(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
