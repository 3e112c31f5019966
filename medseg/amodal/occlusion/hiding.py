"""An occluder as it was drawn, applied to an amodal mask: what stays visible, and what lies in front.

All lengths are in voxels of the canvas on which the object lies with room around it; 2D and 3D alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.occlusion.occluders import Occlusion
from medseg.amodal.occlusion.pasting import Mask, paste, turned
from medseg.amodal.occlusion.sections import Kind

Axes = Sequence[NDArray[np.float64]]

ROUGHNESS = 0.3
"""Standard deviation of the logarithm of a blob's radius."""


@dataclass(frozen=True)
class Occluded:
    """A partly occluded object: visible (S...), and occluder (S...), all of the other object.

    visible = amodal & ~occluder, so that the occluded part lies in the occluder; of an object that lies in front all is
    visible, and the occluder is what it leaves to be seen.
    """

    visible: Mask
    occluder: Mask


def apply_occlusion(amodal: Mask, occlusion: Occlusion, others: Sequence[Mask]) -> Occluded:
    """Hide part of ``amodal`` (S...): the same arguments give the same masks.

    Every kind but ``object`` is a level set {f <= t} whose t is the value of f at the object's voxel that makes the
    share ``covered``; at least one voxel is occluded and one visible. Slices are whole, so that their share is the
    nearest that whole slices make.
    """
    if occlusion.kind == "object":
        amodal_object = np.zeros_like(amodal)
        paste(amodal_object, turned(others[occlusion.other], occlusion.turn), occlusion.place.astype(int))
    else:
        axes = np.ogrid[tuple(slice(0.0, float(length)) for length in amodal.shape)]
        level = LEVELS[occlusion.kind](axes, occlusion)
        amodal_object = level <= _threshold(level[amodal], occlusion.covered)
    if occlusion.in_front:
        return Occluded(amodal.copy(), amodal_object & ~amodal)
    return Occluded(amodal & ~amodal_object, amodal_object)


def _threshold(levels: NDArray[np.float64], share: float) -> float:
    """The t of which {levels <= t} is nearest to the share of the levels (N,), neither none nor all of them."""
    wanted = min(max(round(share * len(levels)), 1), len(levels) - 1)
    value = np.partition(levels, wanted - 1)[wanted - 1]
    below = levels[levels < value]
    few, many = len(below), np.count_nonzero(levels <= value)
    fewer = few > 0 and (many == len(levels) or wanted - few < many - wanted)
    return float(below.max() if fewer else value)


# -------------------------------------------------------------------------------------- level sets
def _along(axes: Axes, occlusion: Occlusion) -> NDArray[np.float64]:
    """Signed distance (S...) from the place, along the direction."""
    steps = zip(axes, occlusion.place, occlusion.turn[0], strict=True)
    return sum(((axis - at) * part for axis, at, part in steps), np.zeros(()))


def _squared_distance(axes: Axes, occlusion: Occlusion) -> NDArray[np.float64]:
    return sum(((axis - at) ** 2 for axis, at in zip(axes, occlusion.place, strict=True)), np.zeros(()))


def _from_line(axes: Axes, occlusion: Occlusion) -> NDArray[np.float64]:
    """Squared distance (S...) from the line along the direction: a band in 2D, a rod in 3D."""
    return _squared_distance(axes, occlusion) - _along(axes, occlusion) ** 2


def _from_point(axes: Axes, occlusion: Occlusion) -> NDArray[np.float64]:
    """Squared distance (S...) from the place, longer and shorter by a smooth field of variance ROUGHNESS^2.

    The field is sqrt(2/W) sum over W waves of cos(wave . v + phase), the real part of a product over the axes.
    """
    angles = [np.outer(wave, axis) for wave, axis in zip(occlusion.waves.T, axes, strict=True)]
    angles[0] += occlusion.phases[:, None]
    first, *others = (np.exp(1j * angle).astype(np.complex64) for angle in angles)
    rest = others[0] if len(others) == 1 else np.einsum("wy,wz->wyz", *others)
    field = np.real(np.tensordot(first, rest, axes=(0, 0))) * np.sqrt(2 / len(occlusion.waves))
    return _squared_distance(axes, occlusion) * np.exp(2 * ROUGHNESS * field)


LEVELS: Mapping[Kind, Callable[[Axes, Occlusion], NDArray[np.float64]]] = {
    "bar": _from_line,
    "half_space": _along,
    "blob": _from_point,
    "slices": lambda axes, occlusion: np.abs(_along(axes, occlusion)),
}
"""The function f of each kind, (S...) over the canvas."""
