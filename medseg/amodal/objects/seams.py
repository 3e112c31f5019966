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

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects.crops import on_map, padded, windows
from medseg.amodal.objects.growth import within
from medseg.amodal.objects.kinds import rest_values
from medseg.contracts import ObjectScheme


def bridged(
    objects: Sequence[AmodalObject], labels: NDArray[np.generic], scheme: ObjectScheme, gap: int
) -> list[AmodalObject]:
    """The objects of a map (S...), occluded also by what lies within ``gap`` voxels of them without touching them.

    An unknown region, or a component of a class that may hide the object, joins its occluder across the seam; such
    an object is occluded, and its amodal mask is not known.
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
        found.append(_occluded_across(amodal_object, components[values], gap))
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


def _occluded_across(amodal_object: AmodalObject, components: NDArray[np.integer], gap: int) -> AmodalObject:
    """The object with the components (S...) of the map within ``gap`` voxels in its occluder, on a crop for both."""
    if amodal_object.occluder is None:
        return amodal_object
    near = _near(amodal_object, components, gap)
    before = on_map(amodal_object.occluder, amodal_object)
    occluder = before | np.isin(components, near)
    if (occluder == before).all():
        return amodal_object
    visible = on_map(amodal_object.visible, amodal_object)
    box = ndimage.find_objects((visible | occluder).astype(np.uint8))[0]
    return replace(
        amodal_object,
        visible=visible[box],
        occluder=(occluder & ~visible)[box],
        amodal=None,
        unoccluded=False,
        corner=tuple(axis.start for axis in box),
    )


def _near(amodal_object: AmodalObject, components: NDArray[np.integer], gap: int) -> NDArray[np.integer]:
    """The numbers of the components within ``gap`` voxels of the visible part, but for its own."""
    wide = padded(amodal_object, [gap] * amodal_object.visible.ndim)
    there, here = windows(amodal_object.map_shape, wide.visible.shape, np.asarray(wide.corner))
    around = components[there]
    own = np.unique(around[wide.visible[here]])
    return np.setdiff1d(around[within(wide.visible, gap)[here]], [0, *own])
