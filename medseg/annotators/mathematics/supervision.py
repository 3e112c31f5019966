"""What the truth is taught beside the likelihood: to overlap with its target, and to be right on coarser grids too."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from monai.losses.dice import DiceLoss
from torch import Tensor
from torch.nn import functional

from medseg.annotators.mathematics.trunks import TruthOutput
from medseg.annotators.nouns import ImageBatch
from medseg.contracts import UNLABELLED

SMOOTH = 1e-5
"""So that a class which is nowhere costs nothing, be it predicted nowhere."""


@dataclass(frozen=True, kw_only=True)
class Supervision:
    """dice_weight * D(p, w) + sum over coarser grids l = 1, 2, ... of 2^-l (H(w_l, p_l) + dice_weight * D(p_l, w_l)).

    w: the target of the truth, a distribution over T of every voxel; w_l: its mean over a voxel of grid l.
    H: the cross-entropy, D: ``dice_semimetric``. Weights of the grids as in nnU-Net (Isensee et al., Nature Methods
    2021). Range [0, inf), 0 without an overlap and a coarser grid.
    """

    dice_weight: float = 0.0
    """Of the overlap."""

    def of(self, truth: TruthOutput) -> bool:
        """There is something to teach, so that a target is worth its computation."""
        return bool(self.dice_weight or truth.coarser)

    def __call__(self, truth: TruthOutput, target: Tensor) -> Tensor:
        """target (B,T,S...) w, all 0 where nobody labelled -> ()."""
        total = self._overlap(truth.log_probs, target)
        for level, log_probs in enumerate(truth.coarser, start=1):
            coarse = pooled(target, log_probs)
            total = total + 0.5**level * (cross_entropy_to(log_probs, coarse) + self._overlap(log_probs, coarse))
        return total

    def _overlap(self, log_probs: Tensor, target: Tensor) -> Tensor:
        if not self.dice_weight:
            return log_probs.new_zeros(())
        return self.dice_weight * dice_semimetric(log_probs, target)


def dice_semimetric(log_probs: Tensor, target: Tensor) -> Tensor:
    """1 - (|p| + |w| - |p - w|) / (|p| + |w|), sums over labelled voxels of the batch; mean over classes but the first.

    Wang et al., NeurIPS 2023 (Dice semimetric losses), DML 1: least where p = w, be w certain or not, so that it does
    not make the truth certain where its target is in doubt, as the usual soft Dice does; for a certain w they are one.
    log_probs, target (B,T,S...), all 0 where nobody labelled -> (). Range [0, 1].

    >>> w = torch.tensor([[[0.5, 0.0], [0.5, 1.0]]])
    >>> dice_semimetric(w.clamp(min=1e-9).log(), w).item() < 1e-6
    True
    """
    probs = log_probs.exp() * (target.sum(dim=1, keepdim=True) > 0)
    loss = DiceLoss(include_background=False, batch=True, soft_label=True, smooth_nr=SMOOTH, smooth_dr=SMOOTH)
    return loss(probs, target)


def cross_entropy_to(log_probs: Tensor, target: Tensor) -> Tensor:
    """``cross_entropies_to``, mean over samples: ()."""
    return cross_entropies_to(log_probs, target).mean()


def cross_entropies_to(log_probs: Tensor, target: Tensor) -> Tensor:
    """-sum_t w[t] log p[t], log_probs and w (B,T,S...): mean over labelled voxels of each sample, (B,)."""
    labelled = target.flatten(1).sum(dim=1).clamp(min=1)
    return (target * log_probs).flatten(1).sum(dim=1) / -labelled


def target_of(batch: ImageBatch, classes: int) -> Tensor:
    """(B,T,S...) what the labels say: p(t | all labels) where a batch has it, else their mean; 0 where nobody did."""
    return mean_of_labels(batch.labels, classes) if batch.consensus is None else batch.consensus


def mean_of_labels(labels: Tensor, classes: int) -> Tensor:
    """(B,P,S...) class indices -> (B,T,S...) shares of the labels of a voxel; all 0 where nobody labelled."""
    votes = torch.stack([(labels == label).sum(dim=1) for label in range(classes)], dim=1).float()
    return votes / (labels != UNLABELLED).sum(dim=1, keepdim=True).clamp(min=1)


def pooled(target: Tensor, log_probs: Tensor) -> Tensor:
    """w (B,T,S...) on the grid of log_probs: the mean over a voxel of it."""
    return functional.interpolate(target, size=log_probs.shape[2:], mode="area")
