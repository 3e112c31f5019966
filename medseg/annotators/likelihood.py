"""The likelihood of the annotators' labels and its gradient in closed form, a tile of voxels at a time.

Nothing of the size (B,A,O,T,S...) is ever stored: the confusion logits of a tile are made, explained, turned
into gradients and dropped. N is the number of voxels of a sample, or of a tile of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from medseg.annotators.bayes import Likelihood, explain, indicator, labelled_pairs, tiles, voxel_shares


class GlobalLikelihood(Function):
    """One matrix per annotator: nll (B,) of labels (B,A,N) under log_probs (B,T,N) and log C (A,O,T).

    nll[b] is the sum over voxels by M, the number of labelled (voxel, annotator) pairs of the sample. With w of
    ``explain``: d nll/d log p[t] = -w[t] / M, d nll/d log C[o,t] = -sum over voxels of 1[o=y] w[t] / M.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,
        log_probs: Tensor,
        log_confusion: Tensor,
        labels: Tensor,
        likelihood: Likelihood,
        differentiate: bool,
    ) -> Tensor:
        """See the class; without ``differentiate`` no gradient is computed."""
        batch, classes, voxels = log_probs.shape
        log_evidence = log_probs.new_zeros(batch)
        log_probs_slope = torch.empty_like(log_probs)
        confusion_slope = log_probs.new_zeros(batch, *log_confusion.shape)
        logits = log_confusion.movedim(1, 0)[..., None]
        confusion = logits.exp()
        for b in range(batch):
            for tile in tiles(voxels, 4 * classes * labels.shape[1], log_probs.device):
                written = indicator(labels[b, :, tile], classes, log_probs.dtype)
                explanation = explain(log_probs[b, :, tile], confusion, logits, written, likelihood)
                log_evidence[b] += explanation.log_evidence.sum()
                if differentiate:
                    posterior = explanation.posterior
                    log_probs_slope[b, :, tile] = posterior.sum(dim=0)
                    posterior = posterior.expand(labels.shape[1], -1, -1)
                    confusion_slope[b] += torch.einsum("oan,atn->aot", written, posterior)
        ctx.slopes = log_probs_slope, confusion_slope
        ctx.pairs = labelled_pairs(labels)
        return log_evidence / -ctx.pairs

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, nll_grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        """The slopes of each sample, times that of its log evidence."""
        log_probs_slope, confusion_slope = ctx.slopes
        upstream = nll_grad / -ctx.pairs
        to_confusion = torch.einsum("b,baot->aot", upstream, confusion_slope)
        return upstream[:, None, None] * log_probs_slope, to_confusion, None, None, None


@dataclass
class LogitMap:
    """From features to confusion logits: weight (O-1,A,T,F) and bias (O-1,A,T).

    A column's logits mean the same when a number is added to all of them, so those of the first observed class
    are set to 0 and the map gives the others relative to it: a product of matrices smaller by 1/O.
    """

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor) -> LogitMap:
        """weight (A,O,T,F), bias (A,O,T), of any level."""
        weight, bias = weight.movedim(1, 0).contiguous(), bias.movedim(1, 0).contiguous()
        return cls(weight[1:] - weight[:1], bias[1:] - bias[:1])

    def numbers(self, voxels: int) -> int:
        """O A T voxels."""
        return (len(self.bias) + 1) * self.bias[0].numel() * voxels

    def logits(self, features: Tensor, memory: Tensor | None = None) -> Tensor:
        """features (F,N) -> (O,A,T,N), at the beginning of ``memory`` where that is given."""
        _, annotators, classes, depth = self.weight.shape
        voxels = features.shape[1]
        memory = features.new_empty(self.numbers(voxels)) if memory is None else memory
        logits = memory[: self.numbers(voxels)].view(-1, annotators, classes, voxels)
        logits[0] = 0
        weight, bias = self.weight.view(-1, depth), self.bias.view(-1, 1)
        torch.addmm(bias, weight, features, out=logits[1:].view(-1, voxels))
        return logits


@dataclass
class Slopes:
    """Gradients of one number per sample: to weight (B,O-1,A,T,F), bias (B,O-1,A,T), features (B,F,N)."""

    weight: Tensor
    bias: Tensor
    features: Tensor

    @classmethod
    def start(cls, logit_map: LogitMap, features: Tensor) -> Slopes:
        """No tile added yet."""
        weight = features.new_zeros(len(features), *logit_map.weight.shape)
        bias = features.new_zeros(len(features), *logit_map.bias.shape)
        return cls(weight, bias, torch.empty_like(features))

    def add(self, b: int, tile: slice, slope: Tensor, logit_map: LogitMap, features: Tensor) -> None:
        """Carry the slope of a tile's logits but the first class's (O-1,A,T,N) back through the map."""
        flat = slope.flatten(0, 2)
        self.weight[b].view(len(flat), -1).addmm_(flat, features.T)
        self.bias[b] += slope.sum(dim=-1)
        self.features[b, :, tile] = logit_map.weight.view(len(flat), -1).T @ flat

    def times(self, upstream: Tensor) -> Slopes:
        """upstream (B,) times the slopes, those of weight and bias summed over samples."""
        return Slopes(
            torch.einsum("b,boatf->oatf", upstream, self.weight),
            torch.einsum("b,boat->oat", upstream, self.bias),
            upstream[:, None, None] * self.features,
        )


def trace_slope(confusion: Tensor) -> Tensor:
    """Of the sum over t of C[t,t]: d/d logits[o,t] = C[t,t] (1[o=t] - C[o,t]), all (O,A,T,N)."""
    diagonal = confusion.diagonal(dim1=0, dim2=2)
    slope = confusion * -diagonal.movedim(-1, 1)
    slope.diagonal(dim1=0, dim2=2).add_(diagonal)
    return slope


class LocalLikelihood(Function):
    """A matrix per voxel: nll (B,), trace () and mean C (A,O,T) of labels (B,A,N) under log_probs (B,T,N).

    C = softmax over O of the logits that ``LogitMap`` (weight, bias) gives on features (B,F,N).
    nll[b] is the sum over voxels by M, the number of labelled (voxel, annotator) pairs of the sample. The mean of C is
    over ``voxel_shares`` (and has no gradient), trace is that of its C[t,t] over A and T. With w of ``explain``:
    d nll/d log p[t] = -w[t] / M, d nll/d logits[o,t] = w[t] (C[o,t] - 1[o=y]) / M.
    The slopes are made in the forward pass, while the tile is in the cache; the backward pass scales them.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,
        log_probs: Tensor,
        weight: Tensor,
        bias: Tensor,
        features: Tensor,
        labels: Tensor,
        likelihood: Likelihood,
        differentiate: bool,
        trace_moves: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See the class; slopes only if ``differentiate``, those of the trace if ``trace_moves``."""
        batch, classes, voxels = log_probs.shape
        logit_map = LogitMap(weight, bias)
        log_evidence, mean_confusion = log_probs.new_zeros(batch), log_probs.new_zeros(classes * bias[0].numel())
        shares = voxel_shares(labels, log_probs.dtype)
        log_probs_slope = torch.empty_like(log_probs)
        nll_slopes = Slopes.start(logit_map, features)
        trace_slopes = Slopes.start(logit_map, features) if trace_moves else None
        cut = list(tiles(voxels, logit_map.numbers(1), log_probs.device))
        memory, more_memory = features.new_empty(2, logit_map.numbers(cut[0].stop))
        for b in range(batch):
            for tile in cut:
                seen = features[b, :, tile]
                logits = logit_map.logits(seen, memory)
                confusion = more_memory[: logits.numel()].view(logits.shape)
                torch.softmax(logits, dim=0, out=confusion)
                written = indicator(labels[b, :, tile], classes, log_probs.dtype)
                explanation = explain(log_probs[b, :, tile], confusion, logits, written, likelihood)
                log_evidence[b] += explanation.log_evidence.sum()
                share = shares[b, tile]
                mean_confusion.addmv_(confusion.view(len(mean_confusion), -1), share)
                if trace_slopes is not None:
                    trace_slopes.add(b, tile, trace_slope(confusion)[1:] * share, logit_map, seen)
                if differentiate:
                    weights = explanation.posterior
                    log_probs_slope[b, :, tile] = weights.sum(dim=0)
                    if likelihood != "per_annotator":
                        weights = weights * written.sum(dim=0)[:, None]
                    slope = confusion[1:].sub_(written[1:, :, None]).mul_(weights)
                    nll_slopes.add(b, tile, slope, logit_map, seen)
        ctx.slopes = log_probs_slope, nll_slopes, trace_slopes
        ctx.pairs = labelled_pairs(labels)
        mean_confusion = mean_confusion.view(classes, *bias.shape[1:]).movedim(0, 1)
        trace = mean_confusion.diagonal(dim1=1, dim2=2).mean()
        ctx.mark_non_differentiable(mean_confusion, *(() if trace_moves else (trace,)))
        return log_evidence / -ctx.pairs, trace, mean_confusion

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, nll_grad: Tensor, trace_grad: Tensor, _: Tensor
    ) -> tuple[Tensor | None, ...]:
        """The slopes of each sample, times those of its nll and of the trace."""
        log_probs_slope, nll_slopes, trace_slopes = ctx.slopes
        upstream = nll_grad / ctx.pairs
        slopes = nll_slopes.times(upstream)
        if trace_slopes is not None:
            diagonals = log_probs_slope.shape[1] * nll_slopes.bias.shape[2]
            more = trace_slopes.times((trace_grad / diagonals).expand(len(upstream)))
            slopes.weight += more.weight
            slopes.bias += more.bias
            slopes.features += more.features
        to_log_probs = -upstream[:, None, None] * log_probs_slope
        return to_log_probs, slopes.weight, slopes.bias, slopes.features, None, None, None, None
