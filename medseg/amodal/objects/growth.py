"""Where an object may grow beyond its visible part, and the label map with what grew painted in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects.crops import windows
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


def attached(amodal: Mask, visible: Mask, gap: int = 0) -> Mask:
    """The components of the amodal mask (S...), over faces, edges and corners, that are no islands.

    They show a visible voxel, or with a gap of g come within g voxels (Euclidean) of one.
    """
    parts = np.asarray(label(amodal, connectivity=amodal.ndim))
    seen = within(visible, gap) if gap else visible
    return amodal & np.isin(parts, np.unique(parts[seen & amodal]))


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
