"""What a model says of validation cases while it is trained: the labels shown, the truth, the predicted annotators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from medseg.annotators.nouns import ImageBatch
from medseg.contracts import UNLABELLED, MaskPicture

CASES = 2
"""So many of a batch."""


def validation_pictures(
    model: nn.Module, batch: ImageBatch, *, annotators: Sequence[str], classes: Sequence[str], cases: Sequence[str]
) -> list[MaskPicture]:
    """The first CASES of a batch, the first channel; of a volume the slice with the most foreground in the labels.

    annotators, classes: names in the order of A and T. cases: names by ``case_index``.
    """
    image = batch.image[:CASES]
    with torch.no_grad():
        said = model.believe(image)  # pyright: ignore[reportCallIssue]
    truth, predicted = said.truth_probs.argmax(1).cpu().numpy(), said.annotator_probs.argmax(2).cpu().numpy()
    drawn, found = batch.labels[:CASES].cpu().numpy(), []
    for number in range(len(image)):
        at = (..., int((drawn[number] > 0).sum((0, 1, 2)).argmax())) if truth.ndim == 4 else (...,)
        masks = {name: labels[at] for name, labels in _named(batch, drawn[number], number, annotators).items()}
        masks |= {"recovered truth": truth[number][at]}
        masks |= {f"{name} predicted": predicted[number, index][at] for index, name in enumerate(annotators)}
        name, shown = cases[int(batch.case_index[number])], image[number, 0].float().cpu().numpy()[at]
        found.append(MaskPicture(name=name, image=shown, masks=masks, class_names=tuple(classes)))
    return found


def _named(batch: ImageBatch, drawn: np.ndarray, number: int, annotators: Sequence[str]) -> dict[str, np.ndarray]:
    """Whose labels (P,S...) are: those of annotators, or of a consensus."""
    if len(drawn) == 1 and batch.annotator_index is None and len(annotators) > 1:
        return {"shown": drawn[0]}
    whose = range(len(drawn)) if batch.annotator_index is None else batch.annotator_index[number].tolist()
    rows = zip(whose, drawn, strict=True)
    return {annotators[index]: labels for index, labels in rows if (labels != UNLABELLED).any()}
