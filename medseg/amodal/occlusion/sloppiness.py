"""Masks as a segmenter would draw them: a little too large or too small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.occlusion.pasting import Mask


def sloppy(amodal_object: AmodalObject, mask_jitter: int, rng: np.random.Generator) -> AmodalObject:
    """Visible part and occluder each dilated or eroded by up to ``mask_jitter`` voxels, the amodal mask as it is."""
    changes = rng.integers(-mask_jitter, mask_jitter + 1, 2)
    occluder = None if amodal_object.occluder is None else roughen(amodal_object.occluder, int(changes[1]))
    return replace(amodal_object, visible=roughen(amodal_object.visible, int(changes[0])), occluder=occluder)


def roughen(mask: Mask, change: int) -> Mask:
    """Dilate (S...) by ``change`` voxels, or erode by ``-change``: all within that Euclidean distance of the border.

    What lies outside of the canvas erodes nothing. A mask that erosion would remove is left as it is.
    """
    if change == 0 or not mask.any():
        return mask.copy()
    boxes = ndimage.find_objects(mask.astype(np.uint8))[0]
    margin = max(change, 1)
    box = tuple(slice(max(s.start - margin, 0), s.stop + margin) for s in boxes)
    crop = mask[box]
    if crop.all():
        return mask.copy()
    distance = np.asarray(ndimage.distance_transform_edt(crop if change < 0 else ~crop))
    changed = distance > -change if change < 0 else distance <= change
    if not changed.any():
        return mask.copy()
    roughened = np.zeros_like(mask)
    roughened[box] = changed
    return roughened
