"""The likelihood of the annotators' labels for a matrix per voxel, its gradient in closed form, tile by tile.

The same as ``likelihood.likelihood_terms`` in value and gradient, but nothing of the size (B,A,O,T,S...) is ever
stored: the confusion logits of a tile of voxels are made, explained, turned into gradients and dropped.
N is the number of voxels of a sample, or of a tile of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from medseg.annotators.mathematics.bayes import explain, tiles
from medseg.annotators.mathematics.likelihood import (
    ConfusionLogits,
    Likelihood,
    LikelihoodTerms,
    indicator,
    labelled_pairs,
    voxel_shares,
)


def tiled_likelihood_terms(
    log_probs: Tensor, logits: ConfusionLogits, labels: Tensor, likelihood: Likelihood, *, trace_moves: bool = False
) -> LikelihoodTerms:
    """As ``likelihood.likelihood_terms``, for a matrix per voxel."""
    differentiate = torch.is_grad_enabled()
    asked = Asked(
        labels=labels, likelihood=likelihood, differentiate=differentiate, trace_moves=differentiate and trace_moves
    )
    relative = RelativeLogits.of(logits.weight, logits.bias)
    moved = log_probs, relative.weight, relative.bias, logits.features
    nll, trace, mean_confusion = TiledLikelihood.apply(asked, *moved)
    return LikelihoodTerms(nll=nll, trace=trace, mean_confusion=mean_confusion)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Labels, and what is wanted of them."""

    labels: Tensor
    """(B,A,N) class indices."""
    likelihood: Likelihood
    """Which of them."""
    differentiate: bool
    """Make gradients too."""
    trace_moves: bool
    """Of the trace as well; only with ``differentiate``."""


@dataclass(frozen=True, kw_only=True)
class RelativeLogits:
    """From features to confusion logits, by a linear map.

    A column's logits mean the same when a number is added to all of them, so those of the first observed class
    are set to 0 and the map gives the others relative to it: a product of matrices smaller by 1/O.
    """

    weight: Tensor
    """(O-1,A,T,F)."""
    bias: Tensor
    """(O-1,A,T)."""

    @staticmethod
    def of(weight: Tensor, bias: Tensor) -> RelativeLogits:
        """weight (A,O,T,F), bias (A,O,T), of any level."""
        weight, bias = weight.movedim(1, 0).contiguous(), bias.movedim(1, 0).contiguous()
        return RelativeLogits(weight=weight[1:] - weight[:1], bias=bias[1:] - bias[:1])

    def numbers(self, voxels: int) -> int:
        """O A T voxels."""
        return (len(self.bias) + 1) * self.bias[0].numel() * voxels

    def at(self, features: Tensor, memory: Tensor | None = None) -> Tensor:
        """features (F,N) -> logits (O,A,T,N), at the beginning of ``memory`` where that is given."""
        _, annotators, classes, depth = self.weight.shape
        voxels = features.shape[1]
        memory = features.new_empty(self.numbers(voxels)) if memory is None else memory
        logits = memory[: self.numbers(voxels)].view(-1, annotators, classes, voxels)
        logits[0] = 0
        weight, bias = self.weight.view(-1, depth), self.bias.view(-1, 1)
        torch.addmm(bias, weight, features, out=logits[1:].view(-1, voxels))
        return logits


@dataclass(frozen=True, kw_only=True)
class Gradients:
    """Of one number per sample, to what its logits are made of."""

    weight: Tensor
    """(B,O-1,A,T,F)."""
    bias: Tensor
    """(B,O-1,A,T)."""
    features: Tensor
    """(B,F,N)."""

    @staticmethod
    def start(logits: RelativeLogits, features: Tensor) -> Gradients:
        """No tile added yet."""
        weight = features.new_zeros(len(features), *logits.weight.shape)
        bias = features.new_zeros(len(features), *logits.bias.shape)
        return Gradients(weight=weight, bias=bias, features=torch.empty_like(features))

    def add(self, b: int, tile: slice, to_logits: Tensor, logits: RelativeLogits, features: Tensor) -> None:
        """Carry the gradient to a tile's logits but the first class's (O-1,A,T,N) back to what they are made of."""
        flat = to_logits.flatten(0, 2)
        self.weight[b].view(len(flat), -1).addmm_(flat, features.T)
        self.bias[b] += to_logits.sum(dim=-1)
        self.features[b, :, tile] = logits.weight.view(len(flat), -1).T @ flat

    def times(self, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """upstream (B,) times the gradients, those to weight and bias summed over samples."""
        return (
            torch.einsum("b,boatf->oatf", upstream, self.weight),
            torch.einsum("b,boat->oat", upstream, self.bias),
            upstream[:, None, None] * self.features,
        )


def trace_gradient(confusion: Tensor) -> Tensor:
    """Of the sum over t of C[t,t]: d/d logits[o,t] = C[t,t] (1[o=t] - C[o,t]), all (O,A,T,N)."""
    diagonal = confusion.diagonal(dim1=0, dim2=2)
    gradient = confusion * -diagonal.movedim(-1, 1)
    gradient.diagonal(dim1=0, dim2=2).add_(diagonal)
    return gradient


class TiledLikelihood(Function):
    """nll (B,), trace () and mean C (A,O,T) of ``LikelihoodTerms``, of what is Asked under log_probs (B,T,N).

    C = softmax over O of the RelativeLogits (weight, bias) at features (B,F,N). With w of ``explain`` and M the
    labelled pairs of a sample: d nll/d log p[t] = -w[t] / M, d nll/d logits[o,t] = w[t] (C[o,t] - 1[o=y]) / M.
    The gradients are made in the forward pass, while the tile is in the cache; the backward pass scales them.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, asked: Asked, log_probs: Tensor, weight: Tensor, bias: Tensor, features: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        batch, classes, voxels = log_probs.shape
        logits, shares = RelativeLogits(weight=weight, bias=bias), voxel_shares(asked.labels, log_probs.dtype)
        log_evidence, mean_confusion = log_probs.new_zeros(batch), log_probs.new_zeros(logits.numbers(1))
        to_log_probs, of_nll = torch.empty_like(log_probs), Gradients.start(logits, features)
        of_trace = Gradients.start(logits, features) if asked.trace_moves else None
        cut = list(tiles(voxels, logits.numbers(1), log_probs.device))
        memory, more_memory = features.new_empty(2, logits.numbers(cut[0].stop))
        for b in range(batch):
            for tile in cut:
                seen, share = features[b, :, tile], shares[b, tile]
                tile_logits = logits.at(seen, memory)
                log_confusion = more_memory[: tile_logits.numel()].view(tile_logits.shape)
                torch.log_softmax(tile_logits, dim=0, out=log_confusion)
                one_hot = indicator(asked.labels[b, :, tile], classes, log_probs.dtype)
                explanation = explain(log_probs[b, :, tile], log_confusion, one_hot, asked.likelihood)
                log_evidence[b] += explanation.log_evidence.sum()
                confusion = log_confusion.exp_()
                mean_confusion.addmv_(confusion.view(len(mean_confusion), -1), share)
                if of_trace is not None:
                    of_trace.add(b, tile, to_logits=trace_gradient(confusion)[1:] * share, logits=logits, features=seen)
                if asked.differentiate:
                    posterior = explanation.posterior
                    to_log_probs[b, :, tile] = posterior.sum(dim=0)
                    if asked.likelihood != "per_annotator":
                        posterior = posterior * one_hot.sum(dim=0)[:, None]
                    to_logits = confusion[1:].sub_(one_hot[1:, :, None]).mul_(posterior)
                    of_nll.add(b, tile, to_logits=to_logits, logits=logits, features=seen)
        ctx.gradients, ctx.pairs = (to_log_probs, of_nll, of_trace), labelled_pairs(asked.labels)
        mean_confusion = mean_confusion.view(classes, *bias.shape[1:]).movedim(0, 1)
        trace = mean_confusion.diagonal(dim1=1, dim2=2).mean()
        ctx.mark_non_differentiable(mean_confusion, *(() if asked.trace_moves else (trace,)))
        return log_evidence / -ctx.pairs, trace, mean_confusion

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, nll_grad: Tensor, trace_grad: Tensor, _: Tensor
    ) -> tuple[Tensor | None, ...]:
        """The gradients of each sample, times those to its nll and to the trace."""
        to_log_probs, of_nll, of_trace = ctx.gradients
        upstream = nll_grad / ctx.pairs
        moved = of_nll.times(upstream)
        if of_trace is not None:
            diagonal_entries = of_trace.bias[0, 0].numel()
            more = of_trace.times((trace_grad / diagonal_entries).expand(len(upstream)))
            moved = tuple(one + other for one, other in zip(moved, more, strict=True))
        return None, -upstream[:, None, None] * to_log_probs, *moved
