"""Objects -> MaskBatch, each in its own frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from medseg.amodal.nouns import AmodalObject, MaskBatch
from medseg.amodal.occlusion.frames import frame_of, to_frame
from medseg.amodal.occlusion.pasting import Mask
from medseg.amodal.occlusion.sections import FrameConfig


def batch_of(objects: Sequence[AmodalObject], rules: FrameConfig, case_index: Sequence[int] | None = None) -> MaskBatch:
    """Objects in their frames.

    An unknown occluder is everything that is not visible, an unknown amodal mask the visible part.
    """
    frames = [frame_of(amodal_object, rules) for amodal_object in objects]

    def stacked(masks: Sequence[Mask | None]) -> torch.Tensor:
        grids = [
            1 - visible if mask is None else to_frame(mask, frame)
            for mask, frame, visible in zip(masks, frames, shown, strict=True)
        ]
        return torch.from_numpy(np.stack(grids))[:, None]

    shown = [to_frame(amodal_object.visible, frame) for amodal_object, frame in zip(objects, frames, strict=True)]
    return MaskBatch(
        visible=torch.from_numpy(np.stack(shown))[:, None],
        occluder=stacked([amodal_object.occluder for amodal_object in objects]),
        amodal=stacked(
            [
                amodal_object.visible if amodal_object.amodal is None else amodal_object.amodal
                for amodal_object in objects
            ]
        ),
        class_index=torch.tensor([amodal_object.class_index for amodal_object in objects]),
        case_index=torch.tensor(list(case_index) if case_index is not None else list(range(len(objects)))),
    )
