"""Occluders: something laid over an amodal mask that hides part of it, drawn here and applied by ``hiding``.

All lengths are in voxels of the canvas on which the object lies with room around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.objects.crops import windows
from medseg.amodal.occlusion.pasting import Mask, turned
from medseg.amodal.occlusion.sections import Kind, OcclusionConfig

TURNS, PLACES = 4, 3
"""Another object is tried in so many turns, each at so many places, until it hides a share within the range."""

WAVES = 8
"""Plane waves that make up the surface of a blob."""


@dataclass(frozen=True)
class Occlusion:
    """The drawn parameters of one occluder, for S axes.

    covered: share of the object's voxels that the occluder shares. in_front: the object hides it, not the reverse.
    turn: (S,S) orthogonal; its first row is the direction of a bar's axis or of a half space's and slices' normal;
    another object is turned by it. place: (S,) a point on the axis of a bar, in a blob or in the middle slice; for
    another object the canvas index of the first voxel of its turned box. other: its index among the others.
    waves, phases: (W,S) rad/voxel and (W,), the surface of a blob.
    """

    kind: Kind
    covered: float
    in_front: bool
    turn: NDArray[np.float64]
    place: NDArray[np.float64]
    other: int
    waves: NDArray[np.float64]
    phases: NDArray[np.float64]

    @property
    def target(self) -> float:
        """The share of the object that is to be occluded: 0 where it lies in front."""
        return 0.0 if self.in_front else self.covered


def draw_occlusion(
    amodal: Mask, others: Sequence[Mask], ranges: OcclusionConfig, rng: np.random.Generator
) -> Occlusion:
    """Draw what ``hiding.apply_occlusion`` needs to hide part of ``amodal`` (S...).

    others: masks (S...) of any shape, of which the kind ``object`` pastes one: turned and mirrored at random, one
    of its voxels on one of the object's. Its share is within ``ranges.occluded``, or the nearest to it of 12 tries.
    An object that would be occluded all over lies in front. Raises ValueError for an empty ``amodal``, and for the kind
    ``object`` without others.
    """
    voxels = np.argwhere(amodal)
    if len(voxels) == 0:
        raise ValueError("amodal: expected an object, got an empty mask")
    kind = ranges.kinds[rng.integers(len(ranges.kinds))]
    in_front = bool(rng.random() < ranges.nothing) or len(voxels) == 1
    if kind == "object":
        occlusion = _draw_object(amodal, voxels, others, ranges, rng)
        return replace(occlusion, in_front=in_front or occlusion.covered == 1)
    return _draw_level_set(kind, voxels, float(rng.uniform(*ranges.occluded)), in_front, rng)


def _draw_level_set(
    kind: Kind, voxels: NDArray[np.intp], covered: float, in_front: bool, rng: np.random.Generator
) -> Occlusion:
    """An occluder that grows from a place on the object (N,S) until it covers the share.

    The waves turn by about 1.5 rad over the radius that a blob is about to have, too little to tear it.
    """
    dims = voxels.shape[1]
    place = voxels[rng.integers(len(voxels))] + rng.uniform(-0.5, 0.5, dims)
    turn = _draw_turn(dims, rng) if kind != "slices" else _draw_axis(voxels, rng)
    extent = float(np.ptp(voxels, axis=0).max()) + 1
    radius = max((len(voxels) * covered) ** (1 / dims), extent * covered) / 2
    waves = rng.normal(0, 1.5 / radius / np.sqrt(dims), (WAVES, dims))
    return Occlusion(kind, covered, in_front, turn, place, -1, waves, rng.uniform(0, 2 * np.pi, WAVES))


def _draw_turn(dims: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(S,S) uniform among rotations and reflections (Mezzadri 2007, Notices of the AMS 54, section 5)."""
    orthogonal, triangular = np.linalg.qr(rng.normal(size=(dims, dims)))
    return orthogonal * np.sign(np.diag(triangular))


def _draw_axis(voxels: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.float64]:
    """(S,S) the identity, its rows rolled so that the object has two slices or more along the first."""
    return np.roll(np.eye(voxels.shape[1]), -rng.choice(np.flatnonzero(np.ptp(voxels, axis=0))), axis=0)


def _draw_object(
    amodal: Mask, voxels: NDArray[np.intp], others: Sequence[Mask], ranges: OcclusionConfig, rng: np.random.Generator
) -> Occlusion:
    """The first of the tries whose share lies within the range, or the one nearest to it."""
    if len(others) == 0:
        raise ValueError("others: expected masks for the occluder kind object, got none")
    low, high = ranges.occluded
    tries: list[Occlusion] = []
    for occlusion in _placements(amodal, voxels, others, rng):
        if low <= occlusion.covered <= high:
            return occlusion
        tries.append(occlusion)
    return min(tries, key=lambda occlusion: max(low - occlusion.covered, occlusion.covered - high))


def _placements(
    amodal: Mask, voxels: NDArray[np.intp], others: Sequence[Mask], rng: np.random.Generator
) -> Iterator[Occlusion]:
    """``TURNS`` x ``PLACES`` ways to lay one of the others over the object."""
    none = np.zeros((0, amodal.ndim))
    for _ in range(TURNS):
        other, turn = int(rng.integers(len(others))), _draw_turn(amodal.ndim, rng)
        amodal_object = turned(others[other], turn)
        places = np.argwhere(amodal_object)
        for _ in range(PLACES):
            first = voxels[rng.integers(len(voxels))] - places[rng.integers(len(places))]
            canvas, box = windows(amodal.shape, amodal_object.shape, first)
            covered = np.count_nonzero(amodal[canvas] & amodal_object[box]) / len(voxels)
            yield Occlusion("object", covered, False, turn, first.astype(float), other, none, none[:, 0])
