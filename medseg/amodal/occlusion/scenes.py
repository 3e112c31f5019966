"""What lies around an object: one neighbour or several, which hide part of it, press on it, or lie behind it.

hides           presses         lies behind
. o o           . o o           . o o        x the object, o its neighbour; of the row in the middle both have
x x o o         x x o o         x x x o      two voxels, one of which both claim
x x .           x x .           x x x
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from medseg.amodal.occlusion.hiding import Occluded, apply_occlusion
from medseg.amodal.occlusion.occluders import draw_occlusion, draw_turn
from medseg.amodal.occlusion.pasting import Mask, paste, turned
from medseg.amodal.occlusion.sections import Kind, OcclusionConfig

MOST = 3
"""Neighbours of one object."""

BODIES: tuple[Kind, ...] = ("object", "bar", "blob")
"""What may press on an object: a field of view, or a slice that is missing, has no body."""

PRESSED = 0.1
"""Share of the object, at most, that it and a neighbour that presses on it would share."""

SPECK = 2.0
"""Radius of the largest speck that two which touch have in common, in voxels."""

TRIES = 5
"""Scenes that are drawn until something of the object is left to be seen, and places tried for a stranger."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """An object among its neighbours, on its canvas."""

    visible: Mask
    """(S...) what is left of the object."""
    occluder: Mask
    """(S...) all of the neighbours that hide it, and what is seen of the others."""
    amodal: Mask
    """(S...) all of the object: smaller than it was where a neighbour presses on it, larger where an overlap swells;
    with a stranger, of both."""
    kind: Kind
    """Of the first neighbour."""


def draw_scene(amodal: Mask, others: Sequence[Mask], ranges: OcclusionConfig, rng: np.random.Generator) -> Scene:
    """Draw neighbours of ``amodal`` (S...), each of which hides part of it, presses on it or lies behind it.

    There is one, and with probability ``ranges.another`` one more, and so on up to ``MOST``. Where several would hide
    all of the object, and no try does not, they lie behind it. With probability ``ranges.strangers`` a piece of another
    object, on another side of the neighbours, is shown as if it belonged to the object; the two stay apart.
    Raises ValueError as ``draw_occlusion`` does.
    """
    scene = _drawn(amodal, others, ranges, rng)
    for _ in range(TRIES):
        if scene.visible.any():
            strange = len(others) > 0 and rng.random() < ranges.strangers
            return _with_stranger(scene, others, rng) if strange else scene
        scene = _drawn(amodal, others, ranges, rng)
    return replace(scene, visible=scene.amodal, occluder=scene.occluder & ~scene.amodal)


def _drawn(amodal: Mask, others: Sequence[Mask], ranges: OcclusionConfig, rng: np.random.Generator) -> Scene:
    count = 1
    while count < MOST and rng.random() < ranges.another:
        count += 1
    hidden, around, whole, kinds = np.zeros_like(amodal), np.zeros_like(amodal), amodal, []
    for _ in range(count):
        kind = ranges.kinds[rng.integers(len(ranges.kinds))]
        kinds.append(kind)
        of_kind = ranges.model_copy(update={"kinds": (kind,)})
        if kind in BODIES and rng.random() < ranges.touching:
            whole, beside = _pressed(whole, others, of_kind, rng)
            around = around | beside
        else:
            low, high = ranges.occluded
            if rng.random() < ranges.shallow:
                of_kind = of_kind.model_copy(update={"occluded": (min(low, high / 10), high / 10)})
            seen = _beside(amodal, others, of_kind, rng)
            hidden, around = hidden | (seen.amodal & ~seen.visible), around | seen.occluder
            whole = whole | (seen.amodal & ~amodal)
    return Scene(visible=whole & ~hidden & ~around, occluder=around, amodal=whole, kind=kinds[0])


def _beside(amodal: Mask, others: Sequence[Mask], ranges: OcclusionConfig, rng: np.random.Generator) -> Occluded:
    return apply_occlusion(amodal, draw_occlusion(amodal, others, ranges, rng), others)


def _pressed(
    amodal: Mask, others: Sequence[Mask], ranges: OcclusionConfig, rng: np.random.Generator
) -> tuple[Mask, Mask]:
    """(S...) of the object and of a neighbour: what both claim is the one's whose rest is nearer, but for a speck."""
    changes = {"occluded": (0.0, min(PRESSED, ranges.occluded[1])), "nothing": 0.0, "swollen": 0}
    shallow = ranges.model_copy(update=changes)
    neighbour = _beside(amodal, others, shallow, rng).occluder
    own, its, both = amodal & ~neighbour, neighbour & ~amodal, amodal & neighbour
    if not (both.any() and own.any() and its.any()):
        return amodal, its
    lead = _distance(own) - _distance(its) + rng.uniform(-2, 2)
    lost = both & (lead > 0)
    own, its = amodal & ~lost, its | lost
    if ranges.specks and rng.random() < ranges.specks:
        speck = _speck(own, its, rng)
        own, its = own | speck, its | speck
    return own, its


def _speck(own: Mask, its: Mask, rng: np.random.Generator) -> Mask:
    """(S...) a voxel where two touch, and of those beside it what touches too, within a radius of two at most."""
    seam = (own & _grown(its)) | (its & _grown(own))
    places = np.argwhere(seam)
    if not len(places):
        return seam
    apart = np.linalg.norm(places - places[rng.integers(len(places))], axis=1)
    speck = np.zeros_like(seam)
    speck[tuple(places[apart <= rng.uniform(0, SPECK)].T)] = True
    return speck


def _with_stranger(scene: Scene, others: Sequence[Mask], rng: np.random.Generator) -> Scene:
    """The scene with another object that touches the neighbours and keeps clear of the object, if a try finds one."""
    clear = ~_grown(scene.amodal)
    there = np.argwhere(scene.occluder & clear)
    for _ in range(TRIES if len(there) else 0):
        stranger = turned(others[int(rng.integers(len(others)))], draw_turn(scene.amodal.ndim, rng))
        here, canvas = np.argwhere(stranger), np.zeros_like(scene.amodal)
        paste(canvas, stranger, there[rng.integers(len(there))] - here[rng.integers(len(here))])
        piece = canvas & ~scene.occluder
        if piece.any() and not (canvas & ~clear).any():
            return replace(scene, visible=scene.visible | piece, amodal=scene.amodal | canvas)
    return scene


def _grown(mask: Mask) -> Mask:
    """(S...) with all that touches it, at faces, edges and corners."""
    return np.asarray(ndimage.binary_dilation(mask, np.ones((3,) * mask.ndim)), bool)


def _distance(mask: Mask) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(S...) Euclidean, in voxels, to the mask."""
    return np.asarray(ndimage.distance_transform_edt(~mask))
