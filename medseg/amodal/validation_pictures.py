"""What a model says of validation objects while it is trained: what is seen, the answer, the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from medseg.amodal.network.model import AmodalVAE
from medseg.amodal.nouns import MaskBatch
from medseg.contracts import MaskPicture

OBJECTS = 4
"""So many of a batch."""
CLASSES = ("nothing", "object", "occluder")


def validation_pictures(model: nn.Module, batch: MaskBatch, *, names: Sequence[str]) -> list[MaskPicture]:
    """The first OBJECTS of a batch in their frames; of a volume the slice with most of the object.

    names: of objects, by ``case_index``.
    """
    with torch.no_grad():
        answers = _answers(model, batch)[:OBJECTS, 0].cpu().numpy()
    grids = [part[:OBJECTS, 0].float().cpu().numpy() for part in (batch.visible, batch.occluder, batch.amodal)]
    found = []
    for number, (visible, occluder, amodal) in enumerate(zip(*grids, strict=True)):
        at = (..., int(amodal.sum((0, 1)).argmax())) if amodal.ndim == 3 else (...,)
        seen = np.where(visible >= 0.5, 1, np.where(occluder >= 0.5, 2, 0))
        answer = ((answers[number] >= 0) | (visible >= 0.5)).astype(np.int64)
        masks = {"seen": seen[at], "answer": answer[at], "amodal": (amodal >= 0.5)[at].astype(np.int64)}
        name = names[int(batch.case_index[number])]
        found.append(MaskPicture(name=name, image=visible[at], masks=masks, class_names=CLASSES))
    return found


def _answers(model: nn.Module, batch: MaskBatch) -> Tensor:
    """(B,1,S...) logits at the mean of z: of shapes where nothing hides any, of completions elsewhere."""
    if not isinstance(model, AmodalVAE):
        return model(batch.visible, batch.occluder, batch.class_index)
    if not batch.occluder.any():
        return model.decoder(model.complete(batch.amodal, batch.class_index).mean(), batch.class_index)
    seen = model.partial(batch.visible, batch.occluder, batch.class_index)
    return model.completing(seen.latent.mean(), seen, batch.class_index)
