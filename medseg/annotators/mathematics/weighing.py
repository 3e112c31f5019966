"""A weight per unlabelled case, learned in training by what each does to the loss of labelled cases held out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.influence import influence, last_layer_gradients, last_layer_hessian
from medseg.annotators.mathematics.model import AnnotatorModel, TrueLabelNetwork
from medseg.annotators.mathematics.supervision import target_of
from medseg.annotators.mathematics.trunks import TruthOutput
from medseg.annotators.mathematics.unlabelled import laid, said
from medseg.annotators.nouns import ImageBatch, PartlyLabelledBatch
from medseg.contracts import Losses

MOST = 2.0
"""No case weighs more; none less than 0; each 1 at first."""


class WeighedCases(nn.Module):
    """mean over cases i of lambda_i H(q, p)_i, H the mean over voxels in which max_t q[t] >= confidence.

    Ren et al., NeurIPS 2020, with pseudo labels. In each step lambda_i += rate * s_i / rms(s), s_i the ``influence`` of
    case i of the batch on the loss of labelled cases that are trained on nowhere else: by way of the last layer, with
    the Hessian of what is minimised, labelled cases and weighed unlabelled ones. cases: of the cohort.
    """

    weights: Tensor
    """(cases,) lambda by ``case_index``."""

    def __init__(self, cases: int, *, rate: float, weight: float, confidence: float = 0.0) -> None:
        super().__init__()
        self.rate, self.weight, self.confidence = rate, weight, confidence
        self.register_buffer("weights", torch.ones(cases))

    def forward(self, model: AnnotatorModel, batch: PartlyLabelledBatch) -> Losses:
        """Losses with metrics ``unlabelled``, ``taught``, and over the batch the mean of lambda and its ``spread``."""
        images = batch.unlabelled
        target = laid(said(model, images.teacher_image), images)
        counted = images.inside & (target.amax(dim=1) >= self.confidence)
        truth = model(images.image)
        self._weigh(model, batch, truth, target * counted[:, None])
        cross_entropy = -(target * truth.log_probs).sum(dim=1) * counted
        of_cases = cross_entropy.flatten(1).sum(dim=1) / counted.flatten(1).sum(dim=1).clamp(min=1)
        weights = self.weights[images.case_index]
        loss = (weights * of_cases).mean()
        metrics = {"unlabelled": loss.detach(), "taught": counted.sum() / images.inside.sum().clamp(min=1)}
        return Losses(total=loss, metrics=metrics | {"lambda": weights.mean(), "spread": weights.std(correction=0)})

    @torch.no_grad()
    def _weigh(self, model: AnnotatorModel, batch: PartlyLabelledBatch, truth: TruthOutput, target: Tensor) -> None:
        """target (U,T,S...): 0 where a voxel does not count."""
        assert batch.held_out is not None
        index, counted = batch.unlabelled.case_index, target.sum(dim=1)
        labelled, held_out = _seen_still(model.network, batch), _seen_still(model.network, batch.held_out)
        of_held_out = target_of(batch.held_out, target.shape[1])
        gradient = last_layer_gradients(held_out, of_held_out, of_held_out.sum(dim=1)).mean(dim=0)
        gradients = last_layer_gradients(truth, target, counted)
        hessian = last_layer_hessian(labelled, target_of(batch, target.shape[1]).sum(dim=1))
        mean = self.weights[index].mean()
        weighed = counted * self.weights[index].view(-1, *[1] * (counted.ndim - 1))
        hessian = hessian + self.weight * mean * last_layer_hessian(truth, weighed)
        self.move(index, influence(gradient, gradients, hessian))

    def move(self, case_index: Tensor, influence: Tensor) -> None:
        """case_index, influence (U,): lambda of these cases; one that is in the batch twice moves by both."""
        step = self.rate * influence / influence.square().mean().sqrt().clamp(min=1e-12)
        self.weights.index_add_(0, case_index, step.to(self.weights.dtype)).clamp_(0, MOST)


def _seen_still(network: TrueLabelNetwork, batch: ImageBatch) -> TruthOutput:
    """In evaluation mode: nothing is dropped, and no running statistic moves."""
    modes = {module: module.training for module in network.modules()}
    try:
        return network.eval()(batch.image)
    finally:
        for module, training in modes.items():
            module.training = training
