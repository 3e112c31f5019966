"""`medseg export` of method two: its answer for objects in their frames, as programs of torch.export and ONNX."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from torch import Tensor, nn

from medseg.amodal.completion.beliefs import believe
from medseg.amodal.completion.completer import Completer
from medseg.amodal.nouns import MaskBatch
from medseg.contracts import Refused, complaint
from medseg.images import place_complaints, whole_or_none
from medseg.training import write_programs

RESULTS = ("models", "model.json")
"""What ``export_completion`` leaves."""


class Answer(nn.Module):
    """visible, occluder (B,1,S...) in [0,1], class_index (B,) -> probs (B,1,S...) of the one answer (``believe``)."""

    def __init__(self, model: nn.Module, mirror: bool) -> None:
        super().__init__()
        self.model, self.mirror = model, mirror

    def forward(self, visible: Tensor, occluder: Tensor, class_index: Tensor) -> Tensor:
        """See the class."""
        seen = MaskBatch(
            visible=visible, occluder=occluder, amodal=visible, class_index=class_index, case_index=class_index
        )
        return believe(self.model, seen, samples=0, mirror=self.mirror).probs


def export_completion(run: Path, out: Path) -> list[str]:
    """models/ in ``out``, and a copy of model.json; the names of what lies in models/.

    Raises Refused, before anything is written, where a file would be overwritten.
    """
    completer = Completer.load(run)
    complaints = place_complaints(out, run)
    taken = [name for name in RESULTS if (out / name).exists()]
    if taken and not complaints:
        complaints.append(complaint("output folder", "no export yet", taken[0], str(out)))
    if complaints:
        raise Refused(complaints)
    masks = torch.zeros(2, 1, *completer.frame.size)
    inputs = {"visible": masks, "occluder": masks.clone(), "class_index": torch.zeros(2, dtype=torch.long)}
    with whole_or_none(out, RESULTS):
        names = write_programs(Answer(completer.model.cpu(), completer.mirror), inputs, "probs", out / "models")
        shutil.copyfile(run / "model.json", out / "model.json")
    return names
