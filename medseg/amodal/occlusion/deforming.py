"""Shapes that nobody has seen: an object stretched and bent, as it was drawn; in training alone.

A voxel x of the deformed mask shows what lies at M (x - c) + c + d(x) of the object, c being its middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects.crops import changed
from medseg.amodal.occlusion.occluders import draw_turn
from medseg.amodal.occlusion.pasting import Mask
from medseg.amodal.occlusion.sections import DeformationConfig

WAVES = 4
"""Half waves that fit into the object's length, along each axis: none, one, ... and one less than that."""


@dataclass(frozen=True, kw_only=True)
class Deformation:
    """The drawn parameters of one, for S axes."""

    matrix: NDArray[np.float64]
    """M (S,S), symmetric: factors along axes at right angles to each other, in lengths, not in voxels."""
    waves: NDArray[np.float64]
    """(S,W...) d as a sum of waves, prod over axes of cos(pi w t), t from 0 to 1 over the object's length: a vector for
    each choice of w along every axis, as a share of that length."""


def draw_deformation(dims: int, config: DeformationConfig, rng: np.random.Generator) -> Deformation | None:
    """Of an object in ``dims`` dimensions; None where it stays as it is.

    M = Q^T diag(e^s) Q, Q uniform among rotations and reflections, each s ~ N(0, stretch^2): magnification, and shear
    but for the turn in it, which the frames do not show. Each coordinate of d is of variance bend^2, on average over
    the object; the wave without any length is left out, for that moves the object as a whole.
    """
    if rng.random() >= config.probability:
        return None
    turn = draw_turn(dims, rng)
    factors = np.exp(rng.normal(0, config.stretch, dims))
    variance = (1 + (WAVES - 1) / 2) ** dims - 1
    waves = rng.normal(0, config.bend / np.sqrt(variance), (dims, WAVES**dims))
    waves[:, 0] = 0
    return Deformation(matrix=(turn.T * factors) @ turn, waves=waves.reshape(dims, *(WAVES,) * dims))


def deformed(mask: Mask, deformation: Deformation | None, spacing: Sequence[float] | None = None) -> Mask:
    """The mask (S...) deformed, in its new box; linear, cut at 1/2. The same arguments give the same mask.

    spacing: (S,) of a voxel (None: all alike), so that the deformation is the same however thick the slices are.
    A speck that would vanish stays as it is, in its box. Raises ValueError for an empty mask.
    """
    if not mask.any():
        raise ValueError("mask to deform: expected an object, got an empty mask")
    (box,) = ndimage.find_objects(mask.astype(np.uint8))
    shape = mask[box]
    if deformation is None:
        return shape
    points = _sources(shape.shape, deformation, np.asarray(spacing or (1.0,) * mask.ndim, np.float64))
    found = _at(shape, points)
    if not found.any():
        return shape
    (box,) = ndimage.find_objects(found.astype(np.uint8))
    return found[box]


def deformed_object(complete: AmodalObject, deformation: Deformation | None) -> AmodalObject:
    """A complete object, which nothing hides, deformed; on the smallest crop, without what lay around it."""
    if deformation is None:
        return complete
    mask = deformed(complete.visible, deformation, complete.spacing_mm)
    return replace(complete, visible=mask, amodal=mask, occluder=None, hiders=())


def deformed_scene(seen: AmodalObject, deformation: Deformation | None) -> AmodalObject:
    """An object of known whole, and what lies around it, all deformed alike; what is hidden stays in the occluder.

    One of which nothing would be left to be seen stays as it is.
    """
    if deformation is None:
        return seen
    spacing = seen.spacing_mm or (1.0,) * seen.visible.ndim
    points = _sources(seen.visible.shape, deformation, np.asarray(spacing, np.float64))
    found = changed(seen, lambda mask: _at(mask, points))
    if not found.visible.any() or found.amodal is None or found.occluder is None:
        return seen
    return replace(found, occluder=found.occluder | (found.amodal & ~found.visible))


class DeformedShapes(Sequence[Mask]):
    """The visible parts of objects, each deformed: number n always in the same way, by a seed that begins with ``key``.

    Of 2,000 that may be drawn for one scene a few are looked at; the others cost nothing.
    """

    def __init__(self, objects: Sequence[AmodalObject], config: DeformationConfig, key: tuple[int, ...]) -> None:
        self.objects, self.config, self.key = objects, config, key
        self.made: dict[int, Mask] = {}

    def __len__(self) -> int:
        return len(self.objects)

    @overload
    def __getitem__(self, index: int) -> Mask: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mask]: ...
    def __getitem__(self, index: int | slice) -> Mask | Sequence[Mask]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if index not in self.made:
            one, rng = self.objects[index], np.random.default_rng((*self.key, index))
            drawn = draw_deformation(one.visible.ndim, self.config, rng)
            self.made[index] = deformed(one.visible, drawn, one.spacing_mm)
        return self.made[index]


def _at(mask: Mask, points: NDArray[np.float64]) -> Mask:
    """The mask where these points (S,S...) lie in it; linear, cut at 1/2."""
    values = ndimage.map_coordinates(mask.astype(np.float32), points, order=1, mode="grid-constant", prefilter=False)
    return np.asarray(values) >= 0.5


def _sources(shape: Sequence[int], deformation: Deformation, voxel: NDArray[np.float64]) -> NDArray[np.float64]:
    """(S,S...): where each voxel of the deformed mask comes from, in voxels from the first of an object's box of this
    ``shape``; the deformed one's has as much room around it as it can need. voxel: (S,) its lengths."""
    size = np.asarray(shape)
    middle, length = (size - 1) / 2, float((size * voxel).max())
    largest = length * np.abs(deformation.waves).reshape(len(shape), -1).sum(1)  # of d
    farthest = np.abs(np.linalg.inv(deformation.matrix)) @ (size * voxel / 2 + largest)
    room = np.maximum(np.ceil(farthest / voxel - size / 2), 0).astype(int)
    along = [(np.arange(n + 2 * r) - (n - 1) / 2 - r) * unit for n, r, unit in zip(shape, room, voxel, strict=True)]
    moved = deformation.waves  # (S,W...), summed over the waves of one axis after the other
    for at in along:
        cosines = np.cos(np.pi * np.outer(at / length + 0.5, np.arange(WAVES)))
        moved = np.moveaxis(np.tensordot(cosines, moved, axes=(1, 1)), 0, -1)
    points = length * moved
    for axis, at in enumerate(np.ix_(*along)):
        points += at * deformation.matrix[:, axis].reshape(-1, *(1,) * len(size))
    return (points.T / voxel + middle).T
