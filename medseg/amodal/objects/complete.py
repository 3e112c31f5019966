"""The complete shapes that are learnt from: what nothing hides, and by rule the known wholes of what something does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from scipy import ndimage

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects.crops import cut
from medseg.contracts import ObjectRules


def complete_objects(objects: Iterable[AmodalObject], rules: ObjectRules) -> list[AmodalObject]:
    """The objects to learn from as complete ones, each as if nothing hid it.

    By ``rules.complete`` those that nothing hides, as they are (unoccluded), and of the others all whose amodal mask
    is known (known): that is then the visible part, on the smallest crop, without an occluder.
    """
    known = rules.complete == "known"
    return [
        one if one.unoccluded else _unhidden(one)
        for one in objects
        if one.unoccluded or (known and one.amodal is not None)
    ]


def _unhidden(amodal_object: AmodalObject) -> AmodalObject:
    assert amodal_object.amodal is not None
    (box,) = ndimage.find_objects(amodal_object.amodal.astype(np.uint8))
    smallest = cut(replace(amodal_object, hiders=()), box)
    assert smallest.amodal is not None
    nothing = np.zeros_like(smallest.amodal)
    return replace(smallest, visible=smallest.amodal, occluder=nothing, unoccluded=True)
