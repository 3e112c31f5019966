"""How an object is shown to the network: hidden by an occluder drawn for it, mirrored; see ``sloppiness`` too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects.crops import padded
from medseg.amodal.occlusion.frames import FrameRules
from medseg.amodal.occlusion.hiding import apply_occlusion
from medseg.amodal.occlusion.occluders import Kind, Ranges, draw_occlusion
from medseg.amodal.occlusion.pasting import Mask

MARK = "~"
"""In the name of a simulated object: between the name of the complete one and the kind of its occluder."""


@dataclass(frozen=True)
class Showing:
    """How objects are shown: their frames, the occluders drawn over them, sloppiness, mirror images.

    gap: visible part and occluder are dilated or eroded by up to so many voxels in training, each on its own.
    mirror: frames are mirrored at random along every axis.
    """

    frame: FrameRules
    ranges: Ranges
    gap: int = 0
    mirror: bool = True


def on_canvas(thing: AmodalObject, rules: FrameRules) -> AmodalObject:
    """The object with as much room around it as its frame shows, and 4 voxels at least."""
    voxel = np.asarray(thing.spacing_mm or (1.0,) * thing.visible.ndim)
    extent = np.asarray(thing.visible.shape) * voxel
    step = rules.spacing or float((extent * rules.margin / np.asarray(rules.size)).max())
    room = (np.asarray(rules.size) * step / voxel - thing.visible.shape) / 2
    return padded(thing, [max(4, int(np.ceil(r))) for r in room])


def simulated(thing: AmodalObject, others: Sequence[Mask], showing: Showing, rng: np.random.Generator) -> AmodalObject:
    """A complete object, hidden by an occluder drawn for it; its whole stays known."""
    canvas = on_canvas(thing, showing.frame)
    occlusion = draw_occlusion(canvas.visible, others, showing.ranges, rng)
    hidden = apply_occlusion(canvas.visible, occlusion, others)
    return replace(
        canvas,
        name=f"{thing.name}{MARK}{occlusion.kind}",
        visible=hidden.visible,
        occluder=hidden.occluder,
        whole=canvas.visible,
        complete=False,
    )


def is_simulated(thing: AmodalObject) -> bool:
    """Whether ``simulated`` hid the object."""
    return thing.name.rpartition(MARK)[2] in get_args(Kind)


def original_name(thing: AmodalObject) -> str:
    """The name of the complete object that ``simulated`` hid; that of any other object is its own."""
    return thing.name.rpartition(MARK)[0] if is_simulated(thing) else thing.name


def mirrored(thing: AmodalObject, axes: Sequence[int]) -> AmodalObject:
    """The mirror image of an object on its crop, along these axes."""
    if not axes:
        return thing

    def flipped(mask: Mask) -> Mask:
        return np.flip(mask, tuple(axes))

    return replace(
        thing,
        visible=flipped(thing.visible),
        occluder=None if thing.occluder is None else flipped(thing.occluder),
        whole=None if thing.whole is None else flipped(thing.whole),
    )
