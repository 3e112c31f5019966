"""Where an object may grow beyond its visible part, and the label map with what grew painted in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects.crops import on_map, padded, windows
from medseg.contracts import ObjectScheme

Mask = NDArray[np.bool_]


# ----------------------------------------------------------------------------------------- growing
def may_grow(amodal_object: AmodalObject, gap: int = 0, anywhere: bool = False) -> Mask:
    """(S...) the voxels of the crop that a completion may add to the visible part, none outside of the map.

    Those of the occluder; every one where the occluder is not known, or ``anywhere``. With a gap of g also those
    within g voxels (Euclidean) of both visible part and occluder, so that a seam between sloppy masks is bridged.
    """
    allowed = np.zeros_like(amodal_object.visible)
    _, inside = windows(amodal_object.map_shape, allowed.shape, np.asarray(amodal_object.corner))
    if anywhere or amodal_object.occluder is None:
        allowed[inside] = True
    else:
        allowed[inside] = amodal_object.occluder[inside]
        if gap and amodal_object.occluder.any():
            seam = _within(amodal_object.visible, gap) & _within(amodal_object.occluder, gap)
            allowed[inside] |= seam[inside]
    return allowed & ~amodal_object.visible


def attached(amodal: Mask, visible: Mask, gap: int = 0) -> Mask:
    """The components of the amodal mask (S...), over faces, edges and corners, that are no islands.

    They show a visible voxel, or with a gap of g come within g voxels (Euclidean) of one.
    """
    parts = np.asarray(label(amodal, connectivity=amodal.ndim))
    seen = _within(visible, gap) if gap else visible
    return amodal & np.isin(parts, np.unique(parts[seen & amodal]))


def bridged(
    objects: Sequence[AmodalObject], labels: NDArray[np.generic], scheme: ObjectScheme, gap: int
) -> list[AmodalObject]:
    """The objects of a map (S...), occluded also by what lies within ``gap`` voxels of them without touching them.

    Sloppy masks leave a seam between an object and what hides it, across which ``objects_of`` sees no contact. Here
    an unknown region, or a component of a class that may hide the object, joins its occluder across the seam; such
    an object is occluded, and its amodal mask is not known.
    """
    if gap == 0:
        return list(objects)
    instances = np.setdiff1d(labels, rest_values(scheme)).tolist()
    numbered: dict[tuple[int, ...], NDArray[np.integer]] = {}
    found = []
    for amodal_object in objects:
        values = _hiding_values(amodal_object, instances, scheme)
        if values not in numbered:
            shifted = np.where(np.isin(labels, values), labels.astype(np.int64) + 1, 0)
            numbered[values] = np.asarray(label(shifted, background=0, connectivity=labels.ndim))
        found.append(_occluded_across(amodal_object, numbered[values], gap))
    return found


def _hiding_values(amodal_object: AmodalObject, instances: Sequence[int], scheme: ObjectScheme) -> tuple[int, ...]:
    """The values of the map that may hide the object; instances: those that stand for objects."""
    rules = scheme.rules
    classes = [name for name, occluded in rules.hides.items() if amodal_object.label in occluded]
    if rules.instances:
        return (*rules.unknown, *(instances if classes else ()))
    return (*rules.unknown, *(each.value for each in scheme.classes if each.name in classes))


def _occluded_across(amodal_object: AmodalObject, numbers: NDArray[np.integer], gap: int) -> AmodalObject:
    """numbers: (S...) of the map, the component of each voxel that may hide the object, 0 for none."""
    if amodal_object.occluder is None:
        return amodal_object
    wide = padded(amodal_object, [gap] * amodal_object.visible.ndim)
    there, here = windows(amodal_object.map_shape, wide.visible.shape, np.asarray(wide.corner))
    around = numbers[there]
    own = np.unique(around[wide.visible[here]])
    near = np.setdiff1d(around[_within(wide.visible, gap)[here]], [0, *own])
    before = on_map(amodal_object.occluder, amodal_object)
    occluder = before | np.isin(numbers, near)
    if (occluder == before).all():
        return amodal_object
    visible = on_map(amodal_object.visible, amodal_object)
    box = ndimage.find_objects((visible | occluder).astype(np.uint8))[0]
    corner = tuple(axis.start for axis in box)
    return replace(
        amodal_object,
        visible=visible[box],
        occluder=(occluder & ~visible)[box],
        amodal=None,
        unoccluded=False,
        corner=corner,
    )


def _within(mask: Mask, distance: int) -> Mask:
    """The voxels no further than ``distance`` from a voxel of the mask (Euclidean, in voxels)."""
    return np.asarray(ndimage.distance_transform_edt(~mask)) <= distance


# --------------------------------------------------------------------------------- back to the map
def rest_values(scheme: ObjectScheme) -> list[int]:
    """The values of a label map that stand for no object: background, overlap, unknown."""
    rules = scheme.rules
    return [scheme.classes[0].value, *rules.overlap, *rules.unknown]


def painted(
    labels: NDArray[np.generic], scheme: ObjectScheme, objects: Sequence[AmodalObject], masks: Sequence[Mask]
) -> NDArray[np.generic]:
    """The label map (S...) with every amodal mask (on its object's crop) in the object's own value.

    A voxel that several objects claim, or that shows an object, stays as it is.
    """
    claims = np.zeros(labels.shape, np.int32)
    values = np.zeros_like(labels)
    for amodal_object, amodal in zip(objects, masks, strict=True):
        there, here = windows(amodal_object.map_shape, amodal.shape, np.asarray(amodal_object.corner))
        claims[there] += amodal[here]
        values[there][amodal[here]] = labels[there][amodal_object.visible[here]][0]
    return np.where((claims == 1) & np.isin(labels, rest_values(scheme)), values, labels)
