"""How sure a network is of each voxel, by what it says when other activations are dropped; and what that counts.

K: passes. Dropout at test time as draws from a posterior over weights: Gal and Ghahramani, ICML 2016.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

Certainty = Literal["none", "confident", "inverse"]

LEAST = 1e-10
"""Variance, and probability, that is taken for none."""
LEAST_NATS = 1e-3
"""No case is surer than one of this disagreement."""


@dataclass(frozen=True, kw_only=True)
class Passes:
    """What several passes say together."""

    mean: Tensor
    """(B,T,S...) p(t|x)."""
    disagreement: Tensor
    """(B,S...) nats: ``disagreement``."""
    variance: Tensor
    """(B,S...) over passes, of the probability of the class that is the most probable one in the mean."""


def dropouts(network: nn.Module) -> list[nn.Module]:
    """The modules that drop activations."""
    return [module for module in network.modules() if isinstance(module, _DropoutNd) and module.p > 0]


@torch.no_grad()
def passed(network: nn.Module, image: Tensor, passes: int) -> Passes:
    """image (B,C,S...) through a TrueLabelNetwork in evaluation mode, but for its dropout."""
    with _dropping(network):
        probs = torch.stack([network(image).log_probs.exp() for _ in range(passes)])
    mean = probs.mean(dim=0)
    best = mean.argmax(dim=1, keepdim=True)
    variance = probs.var(dim=0, unbiased=False).gather(1, best)[:, 0]
    return Passes(mean=mean, disagreement=disagreement(probs), variance=variance)


def disagreement(probs: Tensor) -> Tensor:
    """BALD (Houlsby et al. 2011): H[mean_k p_k] - mean_k H[p_k], probs (K,B,T,S...) -> (B,S...) nats.

    The mutual information of label and weights: 0 where all passes say the same, be it unsure; at most log T, where
    each is certain, and of another class.

    >>> certain = torch.tensor([[[1.0], [0.0]], [[0.0], [1.0]]])[:, None]  # two passes, one voxel
    >>> round(disagreement(certain).item(), 4)  # log 2
    0.6931
    """
    return entropy(probs.mean(dim=0), dim=1) - entropy(probs, dim=2).mean(dim=0)


def entropy(probs: Tensor, dim: int) -> Tensor:
    """-sum p log p over a dimension, in nats."""
    return torch.special.entr(probs).sum(dim=dim)


def chosen(
    disagreement: Tensor, inside: Tensor, keep: float, *, select: Literal["voxels", "cases"], hard: bool
) -> Tensor:
    """Which voxels are learned from, (B,S...) bool: the easiest part ``keep`` of them, or the hardest.

    Mukherjee and Awadallah, NeurIPS 2020, Section 3.2, which draws examples with probabilities by BALD; here those of
    least, or most, are taken. disagreement, inside (B,S...). voxels: of each case those; cases: all voxels of those
    cases of the batch whose mean is least, or most, one at least.
    """
    hardness = -disagreement if hard else disagreement
    if select == "cases":
        wanted = _first(mean_inside(hardness, inside)[None], torch.tensor([[max(1, round(keep * len(inside)))]]))[0]
        return inside & wanted.view(-1, *[1] * (inside.ndim - 1))
    counts = (keep * inside.flatten(1).sum(dim=1, keepdim=True)).round()
    return inside & _first(torch.where(inside, hardness, torch.inf).flatten(1), counts).view(inside.shape)


def _first(numbers: Tensor, counts: Tensor) -> Tensor:
    """(B,N) bool: of each row the counts (B,1) least."""
    order = numbers.argsort(dim=1, stable=True)
    ranks = torch.arange(numbers.shape[1], device=numbers.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, ranks) < counts.to(numbers.device)


def weights_of(passes: Passes, inside: Tensor, certainty: Certainty) -> Tensor:
    """How much each voxel counts, (B,S...).

    confident: -log variance (Mukherjee and Awadallah, Section 3.3, confident learning). inverse: of all voxels of a
    case 1 over its mean disagreement.
    """
    if certainty == "confident":
        return confident(passes.variance)
    if certainty == "inverse":
        sure = 1 / mean_inside(passes.disagreement, inside).clamp(min=LEAST_NATS)
        return sure.view(-1, *[1] * (inside.ndim - 1)).expand(inside.shape)
    return torch.ones_like(passes.variance)


def confident(variance: Tensor) -> Tensor:
    """-log variance, in nats, from log 4 (of the most there can be, 1/4) to -log 1e-10.

    >>> [round(weight, 2) for weight in confident(torch.tensor([0.25, 0.01, 0.0])).tolist()]
    [1.39, 4.61, 23.03]
    """
    return -variance.clamp(min=LEAST).log()


def mean_inside(numbers: Tensor, inside: Tensor) -> Tensor:
    """(B,S...) -> (B,) mean over voxels inside; 0 where there is none."""
    return (numbers * inside).flatten(1).sum(dim=1) / inside.flatten(1).sum(dim=1).clamp(min=1)


@contextmanager
def _dropping(network: nn.Module) -> Iterator[None]:
    """With dropout, and all else as it is."""
    found = [module for module in dropouts(network) if not module.training]
    for module in found:
        module.train()
    try:
        yield
    finally:
        for module in found:
            module.eval()
