"""How unlike the images of its training a run finds an image: three numbers, none of which knows a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.averages import MeanModel
from medseg.annotators.mathematics.model import AnnotatorModel, SeparateNetworks
from medseg.annotators.mathematics.test_time import Selected
from medseg.annotators.mathematics.trunks import TruthOutput
from medseg.annotators.predicting.predictor import Predictor
from medseg.annotators.predicting.windows import Place, Windows
from medseg.contracts import Volume

TABLE = "novelty.csv"
COLUMNS = ("case", "energy", "entropy", "max_probability")


@dataclass(frozen=True, kw_only=True)
class Novelty:
    """Means over the voxels of one image; of a novel one the first two are high and the last is low."""

    energy: float
    """- log sum_t exp f(x)[t] of the logits f, in nats (``mathematics.energy``). Only differences mean something, and
    only between images that one run has seen."""
    entropy: float
    """- sum_t p(t|x) log p(t|x), in nats."""
    max_probability: float
    """max over t of p(t|x)."""


@torch.inference_mode()
def novelty(predictor: Predictor, image: Volume) -> Novelty:
    """Of image (C,S...); windows that overlap are blended as in prediction. Of several networks energy and p are the
    mean of theirs; mirror images and other changes of it are not looked at."""
    config, model = predictor.config, predictor.model.eval()
    placement = config.data.grid.place(image.array.shape[1:], image.affine, image.spacing_mm)
    on_grid = torch.from_numpy(config.data.intensity.to_grid(image.array, placement))[None].to(predictor.device)

    def see(patches: Tensor, _: Sequence[Place]) -> Sequence[Tensor]:
        return [_maps(_truths(model, patches))]

    grid = config.data.grid
    windows = Windows.over(on_grid.shape[2:], grid.size, overlap=grid.overlap, device=predictor.device)
    inside, rest = placement.inside[0], placement.inside[1:]
    sums, number = torch.zeros(3, dtype=torch.float64), 0
    for slab in windows.blended(on_grid, see):
        planes = slice(max(inside.start - slab.first, 0), max(inside.stop - slab.first, 0))
        own = slab.maps[(slice(None), planes, *rest)]
        sums += own.flatten(1).double().sum(dim=1).cpu()
        number += own[0].numel()
    energy, entropy, most = (sums / number).tolist()
    return Novelty(energy=energy, entropy=entropy, max_probability=most)


def _truths(model: nn.Module, patches: Tensor) -> list[TruthOutput]:
    """What every network among the model's says."""
    if isinstance(model, MeanModel):
        return [truth for member in model.members for truth in _truths(member, patches)]
    if isinstance(model, Selected):
        return _truths(model.model, patches)
    if isinstance(model, SeparateNetworks):
        return model(patches)
    assert isinstance(model, AnnotatorModel)
    return [model(patches)]


def _maps(truths: Sequence[TruthOutput]) -> Tensor:
    """(B,3,S...) the three of ``Novelty`` at every voxel."""
    densities = [truth.log_density for truth in truths if truth.log_density is not None]
    probs = torch.stack([truth.log_probs.exp() for truth in truths]).mean(dim=0)
    entropy = torch.special.entr(probs).sum(dim=1)
    return torch.stack([-torch.stack(densities).mean(dim=0), entropy, probs.amax(dim=1)], dim=1)
