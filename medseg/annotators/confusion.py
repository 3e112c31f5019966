"""The annotators' confusion matrices C^(a)[o,t] = p(a writes o | truth t, x), and what they say of labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from medseg.annotators.bayes import Likelihood, indicator, observed, tiles
from medseg.annotators.likelihood import GlobalLikelihood, LocalLikelihood, LogitMap


@dataclass
class LikelihoodTerms:
    """The two terms of Zhang et al., NeurIPS 2020, Eq. 4, apart, and the matrices that they speak of.

    nll: (B,) -log p(labels | x) in nats, summed over the labelled voxels of a sample and divided by the number of its
    labelled (voxel, annotator) pairs; 0 for a sample without a label.
    trace: () mean of C[t,t] over the voxels that somebody labelled, annotators and true classes; 1 for the identity.
    mean_confusion: (A,O,T) mean of C over those voxels, without a gradient; all 0 where nobody labelled anything.
    """

    nll: Tensor
    trace: Tensor
    mean_confusion: Tensor


@dataclass
class Prediction:
    """What each annotator would write.

    annotator_probs: (B,A,O,S...) sum_t C[o,t] p[t]. joint_probs: (B,A,O,T) weighted mean over space of C[o,t] p[t].
    """

    annotator_probs: Tensor
    joint_probs: Tensor


class ConfusionHead(nn.Module):
    """One confusion matrix per annotator: logits(x) = bias + W f(x), C = softmax of the logits over O.

    Every column (a fixed true class t) sums to 1. It starts at the identity: bias 6 I - 3 (a diagonal of .998 for
    two classes), W = 0. Every method takes ``features`` f (B,F,S...); None leaves W out: one matrix per annotator.

    annotators, classes: A and T = O. features: F, or 0 for a head without W.
    """

    def __init__(self, annotators: int, classes: int, features: int = 0) -> None:
        super().__init__()
        self.bias = nn.Parameter((6 * torch.eye(classes) - 3).repeat(annotators, 1, 1))
        self.weight = nn.Parameter(torch.zeros(annotators, classes, classes, features)) if features else None

    def nll(
        self,
        log_probs: Tensor,
        labels: Tensor,
        features: Tensor | None,
        likelihood: Likelihood,
        trace_weight: float = 0.0,
    ) -> LikelihoodTerms:
        """-log p(labels | x) of labels (B,A,S...) under log_probs log p(t|x) (B,T,S...), per labelled pair.

        per_annotator: sum over present a of -log sum_t C^(a)[y_a,t] p[t] (Zhang et al., NeurIPS 2020, Eq. 3);
        shared_truth: -log sum_t p[t] prod over present a of C^(a)[y_a,t] (Warfield et al., TMI 2004);
        best_truth: the same with max_t for sum_t (classification EM, Celeux and Govaert 1992).
        trace_weight: only whether it is 0 matters: then the trace is given without its gradient.
        """
        differentiate = torch.is_grad_enabled()
        with _no_autocast(log_probs):
            truth, written = _flat(log_probs), labels.flatten(2)
            if features is None:
                log_confusion = self.bias.to(truth.dtype).log_softmax(dim=1)
                mean_confusion = log_confusion.exp()
                trace = mean_confusion.diagonal(dim1=1, dim2=2).mean()
                nll = GlobalLikelihood.apply(truth, log_confusion, written, likelihood, differentiate)
            else:
                logit_map = self._logit_map(truth.dtype)
                arguments = truth, logit_map.weight, logit_map.bias, _flat(features), written, likelihood
                trace_moves = differentiate and trace_weight != 0
                nll, trace, mean_confusion = LocalLikelihood.apply(*arguments, differentiate, trace_moves)
        return LikelihoodTerms(nll, trace if trace_weight else trace.detach(), mean_confusion.detach())

    @torch.no_grad()
    def matrices(self, features: Tensor | None) -> Tensor:
        """C (B,A,O,T,S...), the only thing here that is as large as that; without features (1,A,O,T)."""
        if features is None:
            return self.bias[None].softmax(dim=2)
        with _no_autocast(features):
            flat = _flat(features)
            logit_map = self._logit_map(flat.dtype)
            samples = [logit_map.logits(sample).softmax(dim=0).movedim(0, 1) for sample in flat]
        return torch.stack(samples).unflatten(-1, features.shape[2:])

    @torch.no_grad()
    def predict(self, log_probs: Tensor, features: Tensor | None, voxel_weights: Tensor | None = None) -> Prediction:
        """What each annotator would write: log_probs (B,T,S...), features (B,F,S...) or None.

        voxel_weights: (B,S...) of the mean over space; None: all alike, with sum 1.
        """
        with _no_autocast(log_probs):
            probs, space = _flat(log_probs).exp(), log_probs.shape[2:]
            if features is None:
                confusion = self.bias.to(probs.dtype).softmax(dim=1)
                annotator_probs = torch.einsum("aot,btn->baon", confusion, probs)
                joint_probs = torch.einsum("aot,bt->baot", confusion, weighted_mean(probs, voxel_weights))
                return Prediction(annotator_probs.unflatten(-1, space), joint_probs)
            batch, _, voxels = probs.shape
            logit_map, flat = self._logit_map(probs.dtype), _flat(features)
            weights = probs.new_ones(batch, voxels) / voxels if voxel_weights is None else voxel_weights.flatten(1)
            annotator_probs = probs.new_empty(batch, *self.bias.shape[:2], voxels)
            joint_probs = probs.new_zeros(batch, *self.bias.shape)
            for b in range(batch):
                for tile in tiles(voxels, self.bias.numel(), probs.device):
                    joint = logit_map.logits(flat[b, :, tile]).softmax(dim=0).mul_(probs[b, :, tile])
                    annotator_probs[b, :, :, tile] = joint.sum(dim=2).movedim(0, 1)
                    joint_probs[b] += (joint @ weights[b, tile]).movedim(0, 1)
        return Prediction(annotator_probs.unflatten(-1, space), joint_probs)

    @torch.no_grad()
    def posterior(self, log_probs: Tensor, labels: Tensor, features: Tensor | None) -> Tensor:
        """p(t | x, all labels) (B,T,S...): the consensus of image and labels, p(t|x) where nobody labelled.

        p[t] prod over present a of C^(a)[y_a,t], normalised over T: the E-step of Warfield et al., TMI 2004, with
        the network as its prior. log_probs (B,T,S...), labels (B,A,S...), features (B,F,S...) or None.
        """
        with _no_autocast(log_probs):
            truth, flat = _flat(log_probs), None if features is None else _flat(features)
            consensus = torch.empty_like(truth)
            for b, sample in enumerate(labels.flatten(2)):
                for tile in tiles(truth.shape[-1], self.bias.numel(), truth.device):
                    if flat is None:
                        logits = self.bias.to(truth.dtype).movedim(1, 0)[..., None]
                    else:
                        logits = self._logit_map(truth.dtype).logits(flat[b, :, tile])
                    written = indicator(sample[:, tile], truth.shape[1], truth.dtype)
                    silent = torch.zeros_like(written[0])
                    rows = observed(logits.log_softmax(dim=0), written, silent)
                    consensus[b, :, tile] = (truth[b, :, tile] + rows.sum(dim=0)).softmax(dim=0)
        return consensus.unflatten(-1, log_probs.shape[2:])

    def _logit_map(self, dtype: torch.dtype) -> LogitMap:
        assert self.weight is not None, "a head without features has global matrices only"
        return LogitMap.of(self.weight.to(dtype), self.bias.to(dtype))


def weighted_mean(probs: Tensor, voxel_weights: Tensor | None) -> Tensor:
    """Over space: probs (B,T,S...) by voxel_weights (B,S...), which sum to 1 -> (B,T); None: all alike."""
    if voxel_weights is None:
        return probs.flatten(2).mean(dim=-1)
    return torch.einsum("btn,bn->bt", probs.flatten(2), voxel_weights.flatten(1))


def _flat(numbers: Tensor) -> Tensor:
    """(B,T,S...) -> (B,T,N); half precision becomes single, double remains double."""
    return numbers.to(torch.promote_types(numbers.dtype, torch.float32)).flatten(2)


def _no_autocast(numbers: Tensor) -> torch.autocast:
    return torch.autocast(numbers.device.type, enabled=False)
