"""Where an object may grow beyond its visible part, and the label map with what grew painted in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects.crops import Window, windows
from medseg.amodal.objects.kinds import rest_values
from medseg.contracts import ObjectScheme

Mask = NDArray[np.bool_]


def may_grow(amodal_object: AmodalObject, gap: int = 0, anywhere: bool = False) -> Mask:
    """(S...) the voxels of the crop that a completion may add to the visible part, none outside of the map.

    Those of the occluder; every one where the occluder is not known, or ``anywhere``. With a gap of g also those
    within g voxels (Euclidean) of both visible part and occluder, so that a seam between sloppy masks is bridged:

        v v . o o      visible v, occluder o; gap 0: only o may be added
        v v + o o      gap 2: also +, two voxels or less from both
    """
    visible, occluder = amodal_object.visible, amodal_object.occluder
    if anywhere or occluder is None:
        allowed = np.ones_like(visible)
    elif gap and occluder.any():
        allowed = occluder | (within(visible, gap) & within(occluder, gap))
    else:
        allowed = occluder
    on_the_map = np.zeros_like(visible)
    _, inside = windows(amodal_object.map_shape, visible.shape, np.asarray(amodal_object.corner))
    on_the_map[inside] = True
    return allowed & on_the_map & ~visible


def attached(grown: Mask, visible: Mask, gap: int = 0) -> Mask:
    """(N,S...) of what grew in each of N masks beside the visible part (S...), the components that are no islands.

    Over faces, edges and corners they touch a visible voxel, or with a gap of g come within g voxels (Euclidean) of
    one.
    """
    somewhere = grown.any(0)
    if not somewhere.any():
        return grown
    box = (slice(None), *ndimage.find_objects(somewhere.view(np.uint8))[0])
    near = _near(visible, gap, box[1:])
    neighbours = np.zeros((3,) * grown.ndim, bool)
    neighbours[1] = True  # masks are labelled together, and no component reaches from one into the next
    parts = np.empty(grown[box].shape, np.int32)
    ndimage.label(grown[box], neighbours, output=parts)
    kept = np.zeros(parts.max() + 1, bool)
    kept[parts[near & grown[box]]] = True
    found = np.zeros_like(grown)
    found[box] = kept[parts]
    return found


def _near(mask: Mask, gap: int, box: Window) -> Mask:
    """The voxels of a box that touch a voxel of the mask, or lie within ``gap`` voxels of one."""
    margin = max(gap, 1)
    wide = tuple(slice(max(axis.start - margin, 0), axis.stop + margin) for axis in box)
    around = mask[wide]
    near = np.asarray(ndimage.binary_dilation(around, np.ones((3,) * mask.ndim)), bool)
    if gap > 1 and around.any():
        near |= within(around, gap)
    return near[tuple(slice(axis.start - w.start, axis.stop - w.start) for axis, w in zip(box, wide, strict=True))]


def within(mask: Mask, distance: int) -> Mask:
    """The voxels no further than ``distance`` from a voxel of the mask (Euclidean, in voxels)."""
    return np.asarray(ndimage.distance_transform_edt(~mask)) <= distance


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
