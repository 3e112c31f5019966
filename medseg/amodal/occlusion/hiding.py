"""An occluder as it was drawn, applied to an amodal mask: what stays visible, and what lies in front.

All lengths are in voxels of the canvas on which the object lies with room around it; 2D and 3D alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label

from medseg.amodal.occlusion.occluders import Occlusion
from medseg.amodal.occlusion.pasting import Mask, paste, turned
from medseg.amodal.occlusion.sections import Kind

Axes = Sequence[NDArray[np.float64]]
"""Indices along each axis of the canvas, shaped to be combined: (H,1) and (1,W) in 2D."""

ROUGHNESS = 0.3
"""Standard deviation of the logarithm of a blob's radius."""


SLIVER = 2
"""Voxels from the border to the middle of an overlap that does not swell: two that touch."""


@dataclass(frozen=True, kw_only=True)
class Occluded:
    """An object and its occluder on their canvas, as they are seen."""

    visible: Mask
    """(S...) what is left of the object."""
    occluder: Mask
    """(S...) all of an occluder that lies in front, the occluded part of the object included; of one that lies behind,
    what the object leaves to be seen."""
    amodal: Mask
    """(S...) all of the object, and what a swollen overlap takes of the occluder."""


def apply_occlusion(amodal: Mask, occlusion: Occlusion, others: Sequence[Mask]) -> Occluded:
    """Hide part of ``amodal`` (S...): the same arguments give the same masks.

    An occluder of the kind ``object`` is pasted where it was drawn. Every other kind is a level set {f <= t}, f being
    the distance from a point, a line or a plane, and t such that it covers the share ``covered`` of the object; at
    least one voxel is occluded and one visible. Slices are whole, so that their share is the nearest that whole slices
    make. Where ``occlusion.swollen``, what the overlap with another object takes of either belongs to both.
    """
    occluder = _pasted(amodal, occlusion, others) if occlusion.kind == "object" else _level_set(amodal, occlusion)
    if occlusion.swollen:
        both = _swollen(amodal & occluder, amodal | occluder, occlusion.swollen)
        amodal, occluder = amodal | both, occluder | both
    if occlusion.in_front:
        return Occluded(visible=amodal.copy(), occluder=occluder & ~amodal, amodal=amodal)
    return Occluded(visible=amodal & ~occluder, occluder=occluder, amodal=amodal)


def _swollen(both: Mask, either: Mask, by: int) -> Mask:
    """(S...) an overlap, and of the two objects what lies within ``by`` voxels of it; slivers stay as they are."""
    thick = np.asarray(ndimage.distance_transform_edt(both)) > SLIVER
    parts = np.asarray(label(both, connectivity=both.ndim))
    swelling = np.isin(parts, np.unique(parts[thick]))
    if not swelling.any():
        return both
    return both | (either & (np.asarray(ndimage.distance_transform_edt(~swelling)) <= by))


def _pasted(amodal: Mask, occlusion: Occlusion, others: Sequence[Mask]) -> Mask:
    """(S...) another object on an empty canvas."""
    canvas = np.zeros_like(amodal)
    paste(canvas, turned(others[occlusion.other], occlusion.turn), occlusion.place.astype(int))
    return canvas


def _level_set(amodal: Mask, occlusion: Occlusion) -> Mask:
    """(S...) where f is at most t."""
    axes = np.ogrid[tuple(slice(0.0, float(length)) for length in amodal.shape)]
    levels = LEVELS[occlusion.kind](axes, occlusion)
    return levels <= _threshold(levels[amodal], occlusion.covered)


def _threshold(levels: NDArray[np.float64], share: float) -> float:
    """The t of which {levels <= t} is nearest to the share of the levels (N,), neither none nor all of them.

    Levels that are equal go together, as those of a slice do. Sorted, with the share at the fifth of nine:

        1 1 1 2 2 2 2 3 3      t = 1 takes three (few), t = 2 takes seven (many): both two away, so t = 2
                ^
    """
    wanted = min(max(round(share * len(levels)), 1), len(levels) - 1)
    value = np.partition(levels, wanted - 1)[wanted - 1]
    below = levels[levels < value]
    few, many = len(below), np.count_nonzero(levels <= value)
    fewer_is_nearer = wanted - few < many - wanted
    return float(below.max() if few > 0 and (many == len(levels) or fewer_is_nearer) else value)


# -------------------------------------------------------------------------------------- level sets
def _along(axes: Axes, occlusion: Occlusion) -> NDArray[np.float64]:
    """Signed distance (S...) from the place, along the direction."""
    steps = zip(axes, occlusion.place, occlusion.turn[0], strict=True)
    return sum(((axis - at) * part for axis, at, part in steps), np.zeros(()))


def _from_plane(axes: Axes, occlusion: Occlusion) -> NDArray[np.float64]:
    """Distance (S...) from the plane across the direction, to either side."""
    return np.abs(_along(axes, occlusion))


def _from_place(axes: Axes, occlusion: Occlusion) -> NDArray[np.float64]:
    """Squared distance (S...) from the place."""
    return sum(((axis - at) ** 2 for axis, at in zip(axes, occlusion.place, strict=True)), np.zeros(()))


def _from_line(axes: Axes, occlusion: Occlusion) -> NDArray[np.float64]:
    """Squared distance (S...) from the line along the direction: a band in 2D, a rod in 3D."""
    return _from_place(axes, occlusion) - _along(axes, occlusion) ** 2


def _from_rough_place(axes: Axes, occlusion: Occlusion) -> NDArray[np.float64]:
    """Squared distance (S...) from the place, longer and shorter by a smooth field of variance ROUGHNESS^2."""
    return _from_place(axes, occlusion) * np.exp(2 * ROUGHNESS * _smooth_field(axes, occlusion))


def _smooth_field(axes: Axes, occlusion: Occlusion) -> NDArray[np.float64]:
    """(S...) sqrt(2/W) sum over W waves w of cos(w . v + phase), of variance 1.

    That is the real part of sum over w of exp(i phase) prod over axes of exp(i w_axis v_axis), so that exponentials
    are taken along the axes alone, (W,H) and (W,W'), and not over the canvas.
    """
    angles = [np.outer(wave, axis) for wave, axis in zip(occlusion.waves.T, axes, strict=True)]
    angles[0] += occlusion.phases[:, None]
    first, *others = (np.exp(1j * angle).astype(np.complex64) for angle in angles)
    rest = others[0] if len(others) == 1 else np.einsum("wy,wz->wyz", *others)
    return np.real(np.tensordot(first, rest, axes=(0, 0))) * np.sqrt(2 / len(occlusion.waves))


LEVELS: Mapping[Kind, Callable[[Axes, Occlusion], NDArray[np.float64]]] = {
    "bar": _from_line,
    "half_space": _along,
    "blob": _from_rough_place,
    "slices": _from_plane,
}
"""The function f of each kind, (S...) over the canvas."""
