"""What a student learns from cases without labels, beside what the recipe learns from labelled ones.

U: unlabelled cases of a batch. q: what the teacher says of a voxel, laid where the student sees it. p: what the student
says. The teacher is a child of the model that no gradient moves (``AnnotatorModel.with_teacher``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from medseg.annotators.mathematics.model import AnnotatorModel, TrueLabelNetwork
from medseg.annotators.mathematics.uncertainty import Certainty, Passes, chosen, mean_inside, passed, weights_of
from medseg.annotators.nouns import ImageBatch, PartlyLabelledBatch, UnlabelledImages
from medseg.contracts import Losses, Objective

Teaching = Callable[[AnnotatorModel, PartlyLabelledBatch], Losses]
"""What the student makes of the unlabelled cases of a batch."""


class PartlyLabelled(nn.Module):
    """The recipe's own objective on labelled cases + ``weight`` * rampup * what is taught of unlabelled ones.

    rampup: exp(-5 (1 - e / E)^2) in epoch e of the first E = ``rampup_epochs``, then 1 (Laine and Aila, ICLR 2017).
    The metric ``loss`` is that of labelled cases, which alone there are in validation.
    """

    def __init__(self, labelled: Objective, teaching: Teaching, *, weight: float, rampup_epochs: float) -> None:
        super().__init__()
        self.labelled, self.teaching = labelled, teaching
        self.weight, self.rampup_epochs = weight, rampup_epochs

    def forward(self, model: AnnotatorModel, batch: ImageBatch, *, epoch: float = math.inf) -> Losses:
        """See the class."""
        losses = self.labelled(model, batch, epoch=epoch)
        if not isinstance(batch, PartlyLabelledBatch):
            return losses
        taught = self.teaching(model, batch)
        factor = self.weight * rampup(epoch, self.rampup_epochs)
        metrics = losses.metrics | {"loss": losses.total.detach()} | taught.metrics
        return Losses(total=losses.total + factor * taught.total, metrics=metrics)


def rampup(epoch: float, epochs: float) -> float:
    """exp(-5 (1 - epoch / epochs)^2), 1 from the end of it.

    >>> [round(rampup(epoch, 4.0), 3) for epoch in (0.0, 2.0, 4.0, 9.0)]
    [0.007, 0.287, 1.0, 1.0]
    """
    return math.exp(-5 * (1 - epoch / epochs) ** 2) if epoch < epochs else 1.0


@dataclass(frozen=True, kw_only=True)
class PseudoLabels:
    """H(q, p): the cross-entropy of the student to the teacher's probabilities.

    Zoph et al., NeurIPS 2020 (self-training); Xie et al., CVPR 2020 (noisy student): the labels are soft, and the
    student alone sees the images changed strongly.
    """

    confidence: float = 0.0
    """Voxels in which max_t q[t] is less do not count."""

    def __call__(self, model: AnnotatorModel, batch: PartlyLabelledBatch) -> Losses:
        """Losses with metrics ``unlabelled``, and ``taught``: the share of the voxels that count."""
        images = batch.unlabelled
        target = laid(said(model, images.teacher_image), images)
        weights = images.inside & (target.amax(dim=1) >= self.confidence)
        return _losses(weighted_cross_entropy(model(images.image).log_probs, target, weights), weights, images)


@dataclass(frozen=True, kw_only=True)
class UncertainLabels:
    """H(q, p) of the voxels that are chosen by how sure the teacher is, the sure ones counting more.

    Mukherjee and Awadallah, NeurIPS 2020: q is the mean of several passes with dropout. Weights count by their ratios:
    the loss is sum w H / sum w over the batch.
    """

    passes: int
    """With dropout."""
    keep: float
    """The part that is learned from."""
    select: Literal["voxels", "cases"]
    """Of what."""
    hard: bool
    """Those on which the passes disagree most, in place of least."""
    certainty: Certainty
    """What counts more; see ``uncertainty.weights_of``."""

    def __call__(self, model: AnnotatorModel, batch: PartlyLabelledBatch) -> Losses:
        """As ``PseudoLabels``, with the metric ``disagreement`` in nats of a voxel."""
        images = batch.unlabelled
        found = self._laid(passed(teacher_of(model), images.teacher_image, self.passes), images)
        wanted = chosen(found.disagreement, images.inside, self.keep, select=self.select, hard=self.hard)
        weights = wanted * weights_of(found, images.inside, self.certainty)
        losses = _losses(weighted_cross_entropy(model(images.image).log_probs, found.mean, weights), wanted, images)
        disagreement = mean_inside(found.disagreement, images.inside).mean()
        return Losses(total=losses.total, metrics=losses.metrics | {"disagreement": disagreement})

    @staticmethod
    def _laid(passes: Passes, images: UnlabelledImages) -> Passes:
        more = torch.stack([passes.disagreement, passes.variance], dim=1)
        disagreement, variance = moved(more, images.sources).clamp(min=0).unbind(dim=1)
        return Passes(mean=laid(passes.mean, images), disagreement=disagreement, variance=variance)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """sum_t (p[t] - q[t])^2, mean over voxels: the student agrees with its own moving average, the mean teacher.

    Tarvainen and Valpola, NeurIPS 2017, Section 2, of unlabelled cases alone. Range [0, 2].
    """

    def __call__(self, model: AnnotatorModel, batch: PartlyLabelledBatch) -> Losses:
        """Losses with metrics ``unlabelled`` and ``taught`` (1)."""
        images = batch.unlabelled
        target, probs = laid(said(model, images.teacher_image), images), model(images.image).log_probs.exp()
        distance = (probs - target).square().sum(dim=1)
        loss = (distance * images.inside).sum() / images.inside.sum().clamp(min=1)
        return _losses(loss, images.inside, images)


def teacher_of(model: AnnotatorModel) -> TrueLabelNetwork:
    """The model's teacher, which it must have."""
    assert model.teacher is not None
    return model.teacher


@torch.no_grad()
def said(model: AnnotatorModel, image: Tensor) -> Tensor:
    """p(t|x) (U,T,S...) of the teacher."""
    return teacher_of(model)(image).log_probs.exp()


def laid(probs: Tensor, images: UnlabelledImages) -> Tensor:
    """q (U,T,S...) of the teacher's image -> of the student's; outside of the teacher's image: 0."""
    found = moved(probs, images.sources)
    return found / found.sum(dim=1, keepdim=True).clamp(min=1e-3)


def moved(maps: Tensor, sources: Tensor | None) -> Tensor:
    """maps (U,M,S...) of the teacher's image -> at ``sources`` (U,S...,S), linearly; outside: 0."""
    return maps if sources is None else grid_sample(maps, sources.to(maps.dtype), align_corners=True)


def weighted_cross_entropy(log_probs: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """sum w H(q, p) / sum w over voxels and cases: log p, q (U,T,S...), w (U,S...) -> (). 0 where no weight is."""
    cross_entropy = -(target * log_probs).sum(dim=1)
    return (weights * cross_entropy).sum() / weights.sum().clamp(min=1e-6)


def _losses(loss: Tensor, counted: Tensor, images: UnlabelledImages) -> Losses:
    """counted (U,S...): the voxels that count."""
    share = counted.sum() / images.inside.sum().clamp(min=1)
    return Losses(total=loss, metrics={"unlabelled": loss.detach(), "taught": share.detach()})
