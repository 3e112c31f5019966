"""Objects -> MaskBatch, each in its own frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from medseg.amodal.nouns import AmodalObject, MaskBatch
from medseg.amodal.occlusion.frames import Frame, frame_of, to_frame
from medseg.amodal.occlusion.sections import FrameConfig


def batch_of(objects: Sequence[AmodalObject], rules: FrameConfig, case_index: Sequence[int] | None = None) -> MaskBatch:
    """Objects in their frames.

    An unknown occluder is everything that is not visible, an unknown amodal mask the visible part.
    """
    shown = [_shown(amodal_object, frame_of(amodal_object, rules)) for amodal_object in objects]
    visible, occluder, amodal = torch.from_numpy(np.stack(shown, axis=1))[:, :, None]
    return MaskBatch(
        visible=visible,
        occluder=occluder,
        amodal=amodal,
        class_index=torch.tensor([amodal_object.class_index for amodal_object in objects]),
        case_index=torch.tensor(list(case_index) if case_index is not None else list(range(len(objects)))),
    )


def _shown(one: AmodalObject, frame: Frame) -> NDArray[np.float32]:
    """(3,S...): visible, occluder and amodal mask."""
    amodal = one.visible if one.amodal is None else one.amodal
    if one.occluder is not None:
        return to_frame(np.stack([one.visible, one.occluder, amodal]), frame)
    visible, whole = to_frame(np.stack([one.visible, amodal]), frame)
    return np.stack([visible, 1 - visible, whole])
