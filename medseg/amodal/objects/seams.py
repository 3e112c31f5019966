"""Sloppy masks leave a seam between an object and what hides it, across which a label map shows no contact.

a a . h h        gap 1: the hider h lies one voxel from a, and does not touch it;
a a . h h        across the seam it joins the occluder of a
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label

from medseg.amodal.nouns import AmodalObject, Hider
from medseg.amodal.objects.crops import changed, cut, on_map, padded, windows
from medseg.amodal.objects.growth import within
from medseg.amodal.objects.kinds import rest_values
from medseg.contracts import ObjectScheme


def bridged(
    objects: Sequence[AmodalObject], labels: NDArray[np.generic], scheme: ObjectScheme, gap: int
) -> list[AmodalObject]:
    """The objects of a map (S...), occluded also by what lies within ``gap`` voxels of them without touching them.

    An unknown region, or a component of a class that may hide the object, joins its occluder across the seam; such
    an object is occluded, and its amodal mask is not known. A component of an object that was dropped is a hider named
    ``<case>/<value of the map>``.
    """
    if gap == 0:
        return list(objects)
    instances = np.setdiff1d(labels, rest_values(scheme)).tolist() if scheme.rules.instances else []
    components: dict[tuple[int, ...], NDArray[np.integer]] = {}  # of the same values they are the same
    found = []
    for amodal_object in objects:
        values = _hiding_values(amodal_object, instances, scheme)
        if values not in components:
            components[values] = _components(labels, values)
        joining = _joining(amodal_object, components[values], gap)
        hiders = [
            Hider(name=_name(mask, labels, amodal_object.case, objects), mask=mask)
            for mask in joining
            if labels[mask][0] not in scheme.rules.unknown
        ]
        found.append(_occluded_by(amodal_object, joining, hiders))
    return found


def _hiding_values(amodal_object: AmodalObject, instances: Sequence[int], scheme: ObjectScheme) -> tuple[int, ...]:
    """The values of the map that may hide the object; its own among them, if its class may hide itself.

    instances: all values that are one, where the scheme has such.
    """
    rules = scheme.rules
    classes = [name for name, others in rules.hides.items() if amodal_object.label in others]
    if not rules.instances:
        return (*rules.unknown, *(each.value for each in scheme.classes if each.name in classes))
    return (*rules.unknown, *(instances if classes else ()))


def _components(labels: NDArray[np.generic], values: tuple[int, ...]) -> NDArray[np.integer]:
    """(S...) the number of the component, of one of the values, that each voxel belongs to; 0 for none."""
    chosen = np.where(np.isin(labels, values), labels.astype(np.int64) + 1, 0)
    return np.asarray(label(chosen, background=0, connectivity=labels.ndim))


def _joining(amodal_object: AmodalObject, components: NDArray[np.integer], gap: int) -> list[NDArray[np.bool_]]:
    """(S...) of the map, each component within ``gap`` voxels of the visible part that its occluder does not hold."""
    if amodal_object.occluder is None:
        return []
    before = on_map(amodal_object.occluder, amodal_object)
    masks = [components == number for number in _near(amodal_object, components, gap)]
    return [mask for mask in masks if (mask & ~before).any()]


def _near(amodal_object: AmodalObject, components: NDArray[np.integer], gap: int) -> NDArray[np.integer]:
    """The numbers of the components within ``gap`` voxels of the visible part, but for its own."""
    wide = padded(amodal_object, [gap] * amodal_object.visible.ndim)
    there, here = windows(amodal_object.map_shape, wide.visible.shape, np.asarray(wide.corner))
    around = components[there]
    own = np.unique(around[wide.visible[here]])
    return np.setdiff1d(around[within(wide.visible, gap)[here]], [0, *own])


def _name(mask: NDArray[np.bool_], labels: NDArray[np.generic], case: str, objects: Sequence[AmodalObject]) -> str:
    """Of the object that a component (S...) of the map shows."""
    first = np.argwhere(mask)[0]
    for each in objects:
        place = first - each.corner
        inside = (place >= 0).all() and (place < each.visible.shape).all()
        if inside and each.visible[tuple(place)]:
            return each.name
    return f"{case}/{labels[tuple(first)]}"


def _occluded_by(
    amodal_object: AmodalObject, joining: Sequence[NDArray[np.bool_]], hiders: Sequence[Hider]
) -> AmodalObject:
    """The object with masks (S...) of the map in its occluder, on a crop for all of it."""
    if not joining:
        return amodal_object
    placed = changed(amodal_object, lambda mask: on_map(mask, amodal_object))
    assert placed.occluder is not None  # nothing joins one that is not known
    occluder = np.any([placed.occluder, *joining], axis=0)
    box = ndimage.find_objects((placed.visible | occluder).astype(np.uint8))[0]
    occluded = replace(
        placed,
        occluder=occluder & ~placed.visible,
        hiders=(*placed.hiders, *hiders),
        amodal=None,
        unoccluded=False,
        corner=(0,) * occluder.ndim,
    )
    return cut(occluded, box)
