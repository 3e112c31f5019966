"""Occluders: something laid over an amodal mask that hides part of it, drawn here and applied by ``hiding``.

All lengths are in voxels of the canvas on which the object lies with room around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.objects.crops import windows
from medseg.amodal.occlusion.pasting import Mask, turned
from medseg.amodal.occlusion.sections import Kind, OcclusionConfig

TURNS, PLACES = 4, 3
"""Another object is tried in so many turns, each at so many places, until it hides a share within the range."""

WAVES = 8
"""Plane waves that make up the surface of a blob."""


@dataclass(frozen=True, kw_only=True)
class Occlusion:
    """The drawn parameters of one occluder, for S axes."""

    kind: Kind
    """What it is."""
    covered: float
    """Share of the object's voxels that the occluder shares."""
    in_front: bool = False
    """The object hides the occluder, not the reverse."""
    turn: NDArray[np.float64]
    """(S,S) orthogonal; its first row is the direction of a bar's axis, or of a half space's and slices' normal;
    another object is turned by it."""
    place: NDArray[np.float64]
    """(S,) a point on the axis of a bar, in a blob or in the middle slice; for another object the canvas index of the
    first voxel of its turned box."""
    other: int = -1
    """Another object's index among the others."""
    swollen: int = 0
    """By so many voxels the overlap with another object reaches farther into both."""
    waves: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    """(W,S) rad/voxel, the surface of a blob."""
    phases: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """(W,) rad, the surface of a blob."""

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
    nothing = bool(rng.random() < ranges.nothing)
    if kind == "object":
        occlusion = _draw_object(amodal, others, ranges, rng)
        swollen = int(rng.integers(ranges.swollen + 1)) if ranges.swollen else 0
        occlusion = replace(occlusion, swollen=swollen)
    else:
        occlusion = _draw_level_set(kind, voxels, float(rng.uniform(*ranges.occluded)), rng)
    return replace(occlusion, in_front=nothing or len(voxels) == 1 or occlusion.covered == 1)


# -------------------------------------------------------------------------------------- level sets
def _draw_level_set(kind: Kind, voxels: NDArray[np.intp], covered: float, rng: np.random.Generator) -> Occlusion:
    """An occluder that grows from a place on the object (N,S) until it covers the share.

    The waves turn by about 1.5 rad over the radius that a blob is about to have, too little to tear it.
    """
    dims = voxels.shape[1]
    place = voxels[rng.integers(len(voxels))] + rng.uniform(-0.5, 0.5, dims)
    turn = draw_turn(dims, rng) if kind != "slices" else _draw_axis(voxels, rng)
    extent = float(np.ptp(voxels, axis=0).max()) + 1
    radius = max((len(voxels) * covered) ** (1 / dims), extent * covered) / 2
    waves = rng.normal(0, 1.5 / radius / np.sqrt(dims), (WAVES, dims))
    phases = rng.uniform(0, 2 * np.pi, WAVES)
    return Occlusion(kind=kind, covered=covered, turn=turn, place=place, waves=waves, phases=phases)


def draw_turn(dims: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(S,S) uniform among rotations and reflections (Mezzadri 2007, Notices of the AMS 54, section 5)."""
    orthogonal, triangular = np.linalg.qr(rng.normal(size=(dims, dims)))
    return orthogonal * np.sign(np.diag(triangular))


def _draw_axis(voxels: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.float64]:
    """(S,S) the identity, its rows rolled so that the object has two slices or more along the first."""
    several = np.flatnonzero(np.ptp(voxels, axis=0))
    return np.roll(np.eye(voxels.shape[1]), -rng.choice(several), axis=0)


# ---------------------------------------------------------------------------------- another object
def _draw_object(amodal: Mask, others: Sequence[Mask], ranges: OcclusionConfig, rng: np.random.Generator) -> Occlusion:
    """The first of the tries whose share lies within the range, or the one nearest to it."""
    if len(others) == 0:
        raise ValueError("others: expected masks for the occluder kind object, got none")
    low, high = ranges.occluded
    tries: list[Occlusion] = []
    for occlusion in _placements(amodal, others, rng):
        if low <= occlusion.covered <= high:
            return occlusion
        tries.append(occlusion)
    return min(tries, key=lambda occlusion: max(low - occlusion.covered, occlusion.covered - high))


def _placements(amodal: Mask, others: Sequence[Mask], rng: np.random.Generator) -> Iterator[Occlusion]:
    """``TURNS`` x ``PLACES`` ways to lay one of the others over the object: a voxel Y of it on one of the object's, X.

    object  . X x      other  . Y      first = X - Y, as indices of their arrays, is where the other's
            . x x             y y      first voxel must lie for Y to lie on X
    """
    voxels = np.argwhere(amodal)
    for _ in range(TURNS):
        other, turn = int(rng.integers(len(others))), draw_turn(amodal.ndim, rng)
        occluder = turned(others[other], turn)
        voxels_of_occluder = np.argwhere(occluder)
        for _ in range(PLACES):
            first = voxels[rng.integers(len(voxels))] - voxels_of_occluder[rng.integers(len(voxels_of_occluder))]
            canvas, box = windows(amodal.shape, occluder.shape, first)
            covered = np.count_nonzero(amodal[canvas] & occluder[box]) / len(voxels)
            yield Occlusion(kind="object", covered=covered, turn=turn, place=first.astype(float), other=other)
