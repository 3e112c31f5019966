"""Objects -> MaskBatch, each in its own frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from medseg.amodal.nouns import AmodalObject, MaskBatch
from medseg.amodal.occlusion.frames import FrameRules, frame_of, to_frame
from medseg.amodal.occlusion.pasting import Mask


def batch_of(things: Sequence[AmodalObject], rules: FrameRules, case_index: Sequence[int] | None = None) -> MaskBatch:
    """Objects in their frames; an unknown occluder is everything that is not visible, an unknown whole the visible."""
    frames = [frame_of(thing, rules) for thing in things]

    def stacked(masks: Sequence[Mask | None]) -> torch.Tensor:
        grids = [
            1 - visible if mask is None else to_frame(mask, frame)
            for mask, frame, visible in zip(masks, frames, shown, strict=True)
        ]
        return torch.from_numpy(np.stack(grids))[:, None]

    shown = [to_frame(thing.visible, frame) for thing, frame in zip(things, frames, strict=True)]
    return MaskBatch(
        visible=torch.from_numpy(np.stack(shown))[:, None],
        occluder=stacked([thing.occluder for thing in things]),
        whole=stacked([thing.visible if thing.whole is None else thing.whole for thing in things]),
        class_index=torch.tensor([thing.class_index for thing in things]),
        case_index=torch.tensor(list(case_index) if case_index is not None else list(range(len(things)))),
    )
