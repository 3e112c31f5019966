"""How an object is shown to the network: occluded by an occluder drawn for it, mirrored; see ``sloppiness`` too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from medseg.amodal.nouns import AmodalObject, Hider
from medseg.amodal.objects.crops import changed, padded
from medseg.amodal.occlusion.pasting import Mask
from medseg.amodal.occlusion.scenes import draw_scene
from medseg.amodal.occlusion.sections import FrameConfig, ShowingConfig


def on_canvas(amodal_object: AmodalObject, rules: FrameConfig) -> AmodalObject:
    """The object with as much room around it as its frame shows, and 4 voxels at least."""
    voxel = np.asarray(amodal_object.spacing_mm or (1.0,) * amodal_object.visible.ndim)
    extent = np.asarray(amodal_object.visible.shape) * voxel
    step = rules.spacing or float((extent * rules.margin / np.asarray(rules.size)).max())
    room = (np.asarray(rules.size) * step / voxel - amodal_object.visible.shape) / 2
    return padded(amodal_object, [max(4, int(np.ceil(r))) for r in room])


def simulated(
    amodal_object: AmodalObject, others: Sequence[Mask], showing: ShowingConfig, rng: np.random.Generator
) -> AmodalObject:
    """An unoccluded object among neighbours drawn for it; its amodal mask stays known."""
    canvas = on_canvas(amodal_object, showing.frame)
    scene = draw_scene(canvas.visible, others, showing.occlusion, rng)
    return replace(
        canvas,
        name=f"{amodal_object.name}~{scene.kind}",
        visible=scene.visible,
        occluder=scene.occluder,
        hiders=(Hider(name=f"{amodal_object.case}/~{scene.kind}", mask=scene.occluder),),
        amodal=scene.amodal,
        unoccluded=False,
        simulated=True,
    )


def mirrored(amodal_object: AmodalObject, axes: Sequence[int]) -> AmodalObject:
    """The mirror image of an object on its crop, along these axes."""
    return changed(amodal_object, lambda mask: np.flip(mask, tuple(axes))) if axes else amodal_object
