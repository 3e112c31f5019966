"""The likelihood of labels under confusion matrices C^(a)[o,t] = p(annotator a writes o | truth t, x): the definition.

``tiled_likelihood`` computes the same for a matrix per voxel, without ever storing all of them; tests compare the two.
N is the number of voxels of a sample: its space, flattened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from medseg.contracts import UNLABELLED

Likelihood = Literal["per_annotator", "shared_truth", "best_truth"]


@dataclass(frozen=True, kw_only=True)
class ConfusionLogits:
    """The logits of every annotator's matrix at every voxel, bias + W f, in factors: never all at once."""

    bias: Tensor
    """(A,O,T)."""
    weight: Tensor
    """(A,O,T,F), W."""
    features: Tensor
    """(B,F,N), f; for one matrix per annotator (1,0,1)."""

    @staticmethod
    def constant(bias: Tensor) -> ConfusionLogits:
        """One matrix per annotator: the case F = 0, at one voxel of one sample that stands for all."""
        return ConfusionLogits(bias=bias, weight=bias.new_empty(*bias.shape, 0), features=bias.new_empty(1, 0, 1))

    def log_confusion(self) -> Tensor:
        """log C (B,A,O,T,N), or (1,A,O,T,1) for one matrix per annotator."""
        logits = torch.einsum("aotf,bfn->baotn", self.weight, self.features) + self.bias[..., None]
        return logits.log_softmax(dim=2)


@dataclass(frozen=True, kw_only=True)
class LikelihoodTerms:
    """The two terms of Zhang et al., NeurIPS 2020, Eq. 4, apart, and the matrices that they speak of."""

    nll: Tensor
    """(B,) -log p(labels | x) in nats, summed over the labelled voxels of a sample and divided by the number of its
    labelled (voxel, annotator) pairs; 0 for a sample without a label."""
    trace: Tensor
    """() mean of C[t,t] over ``voxel_shares``, annotators and true classes; 1 for the identity."""
    mean_confusion: Tensor
    """(A,O,T) mean of C over ``voxel_shares``, without a gradient; all 0 where nobody labelled anything. (1,O,T) the
    mean over annotators too, where samples have different ones."""

    @staticmethod
    def joined(samples: Sequence[LikelihoodTerms]) -> LikelihoodTerms:
        """Of samples with different annotators, each alone: nll side by side, else the mean over those with labels."""
        labelled = sum(bool(sample.mean_confusion.any()) for sample in samples)
        return LikelihoodTerms(
            nll=torch.cat([sample.nll for sample in samples]),
            trace=torch.stack([sample.trace for sample in samples]).sum() / max(labelled, 1),
            mean_confusion=torch.stack([sample.mean_confusion.mean(dim=0, keepdim=True) for sample in samples]).sum(0)
            / max(labelled, 1),
        )

    def total(self, trace_weight: float) -> Tensor:
        """Mean nll over samples + trace_weight * trace: (). Plus: the trace is minimised."""
        return self.nll.mean() + trace_weight * self.trace


def log_likelihood(log_probs: Tensor, log_confusion: Tensor, labels: Tensor, likelihood: Likelihood) -> Tensor:
    """log p(labels | x) of every voxel in nats: (B,T,N), (B,A,O,T,N), (B,A,N) -> (B,N); 0 where nobody labelled.

    per_annotator: sum over present a of log sum_t p[t] C^(a)[y_a,t] (Zhang et al., NeurIPS 2020, Eq. 3);
    shared_truth: log sum_t p[t] prod over present a of C^(a)[y_a,t] (the model of Warfield et al., TMI 2004, Eq. 2);
    best_truth: the same with max_t for sum_t (classification EM, Celeux and Govaert 1992).
    """
    one_hot = indicator(labels, log_probs.shape[1], log_probs.dtype)  # (O,B,A,N), 0 where unlabelled
    labelled = one_hot.sum(dim=0)
    if likelihood == "per_annotator":
        log_rows = torch.einsum("oban,baotn->batn", one_hot, log_confusion)  # log C[y_a,t], 0 where unlabelled
        return (labelled * (log_probs[:, None] + log_rows).logsumexp(dim=2)).sum(dim=1)
    log_joint = log_probs + torch.einsum("oban,baotn->btn", one_hot, log_confusion)
    log_evidence = log_joint.max(dim=1).values if likelihood == "best_truth" else log_joint.logsumexp(dim=1)
    return labelled.amax(dim=1) * log_evidence


def likelihood_terms(
    log_probs: Tensor, logits: ConfusionLogits, labels: Tensor, likelihood: Likelihood, *, trace_moves: bool = False
) -> LikelihoodTerms:
    """The terms of labels (B,A,N) under log_probs log p(t|x) (B,T,N) and the matrices of ``logits``.

    trace_moves: the trace has a gradient.
    """
    log_confusion = logits.log_confusion()
    log_evidence = log_likelihood(log_probs, log_confusion, labels, likelihood)
    shares = voxel_shares(labels, log_probs.dtype)
    mean_confusion = torch.einsum("baotn,bn->aot", log_confusion.exp(), shares)
    trace = mean_confusion.diagonal(dim1=1, dim2=2).mean()
    return LikelihoodTerms(
        nll=log_evidence.sum(dim=1) / -labelled_pairs(labels),
        trace=trace if trace_moves else trace.detach(),
        mean_confusion=mean_confusion.detach(),
    )


def indicator(labels: Tensor, classes: int, dtype: torch.dtype) -> Tensor:
    """1[o = y], one-hot labels: labels (...,N) -> (O,...,N); all zero where unlabelled.

    Compared as and into floating-point numbers, which on a CPU is ten times as fast as by way of integers.
    """
    one_hot = torch.empty(classes, *labels.shape, dtype=dtype, device=labels.device)
    every = torch.arange(classes, dtype=dtype, device=labels.device)
    return torch.eq(labels.to(dtype), every.view(-1, *[1] * labels.ndim), out=one_hot)


def labelled_pairs(labels: Tensor) -> Tensor:
    """How many (voxel, annotator) pairs of each sample are labelled, at least 1: labels (B,A,N) -> (B,)."""
    return (labels != UNLABELLED).flatten(1).sum(dim=1).clamp(min=1)


def voxel_shares(labels: Tensor, dtype: torch.dtype) -> Tensor:
    """Weights (B,N) that sum to 1: every sample with a label has the same, in it every voxel that somebody labelled.

    labels (B,A,N); all zero where there is no label at all.
    """
    seen = (labels != UNLABELLED).any(dim=1).to(dtype)
    counts = seen.sum(dim=1, keepdim=True)
    return seen / counts.clamp(min=1) / counts.count_nonzero().clamp(min=1)
