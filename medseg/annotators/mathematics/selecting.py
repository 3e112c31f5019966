"""How a selector learns which change of an image the network profits from: the objective of the last stage."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.supervision import cross_entropies_to, target_of
from medseg.annotators.mathematics.test_time import (
    CHANGES,
    blurred,
    contrasted,
    gamma_corrected,
    resampled,
    turning,
)
from medseg.annotators.nouns import ImageBatch
from medseg.contracts import Losses

LEAST = 1e-6
"""No probability, and no loss, is smaller."""


def selecting(model: nn.Module, batch: ImageBatch, *, epoch: float = math.inf) -> Losses:
    """The mean square of what ``model.selector`` says, less what is: log L_k - mean over k of log L_k.

    L_k: the cross-entropy of the network to the labels on the image under change k of ``CHANGES``, mean over labelled
    voxels; the labels are p(t | all labels) where a batch has it, else their mean. Kim et al. (2020, Section 3.2) rank
    the losses; their logarithm is here regressed, which ranks them too. The network is a constant. So that there is
    something to mend, each image is disturbed at random first, by more than training does (``disturbed``).
    Metrics: misfit, and gain: by how many nats per voxel the loss of the change that is said to be best lies below
    that of the image as it is.
    """
    with torch.no_grad():
        target = target_of(batch, model(batch.image[:1]).log_probs.shape[1])
        image, target = disturbed(batch.image, target)
        losses = torch.stack([_loss(model, image, target, number) for number in range(len(CHANGES))], dim=1)
    logs = losses.clamp(min=LEAST).log()
    said = model.get_submodule("selector")(image)
    misfit = ((said - (logs - logs.mean(dim=1, keepdim=True))) ** 2).mean()
    best = losses.gather(1, said.argmin(dim=1, keepdim=True))[:, 0]
    metrics = {"misfit": misfit.detach(), "gain": (losses[:, 0] - best).mean()}
    return Losses(total=misfit, metrics=metrics)


def _loss(model: nn.Module, image: Tensor, target: Tensor, number: int) -> Tensor:
    """(B,) the cross-entropy of what is said of the changed image and brought back."""
    change = CHANGES[number]
    said = change.back(model(change.there(image)).log_probs.exp()).clamp(min=LEAST).log()
    return cross_entropies_to(said, target)


def disturbed(image: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Image (B,C,S...) and target (B,T,S...) under random changes: a turn, contrast, gamma, noise, blur.

    Each with probability one half for the whole batch: a turn to 45 degrees, contrast and gamma to a factor of 2,
    noise to a deviation of 0.5, blur to 2 voxels. The target is turned along; outside, both continue their borders.
    """
    share, wanted = torch.rand(5).tolist(), (torch.rand(5) < 0.5).tolist()
    if wanted[0]:
        matrix = turning(image.shape[2:], 90 * share[0] - 45, 1.0)
        image, target = resampled(image, matrix), resampled(target, matrix)
    if wanted[1]:
        image = contrasted(image, 2 ** (2 * share[1] - 1))
    if wanted[2]:
        image = gamma_corrected(image, 2 ** (2 * share[2] - 1))
    if wanted[3]:
        image = image + 0.5 * share[3] * torch.randn_like(image)
    return (blurred(image, 0.2 + 1.8 * share[4]) if wanted[4] else image), target
