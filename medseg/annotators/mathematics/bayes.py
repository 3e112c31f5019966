"""Bayes' rule at every voxel of a tile: what the annotators' labels say of the truth under confusion matrices.

Within a tile the matrices lie with O first, (O,A,T,N): so the row of a class is one piece of memory.
N is the number of voxels of a sample, or of a tile of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from medseg.annotators.mathematics.likelihood import Likelihood

TILE_NUMBERS = {"cpu": 2**19, "cuda": 2**26}
"""How many numbers a tile has: on a CPU few enough for its cache, on a GPU enough to fill it."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What the labels say of the truth; axis 0 is A (``per_annotator``) or 1 (one truth for all annotators)."""

    log_evidence: Tensor
    """(A|1,N) log p(labels | x); 0 where nothing is labelled."""
    posterior: Tensor
    """(A|1,T,N) w[t] = p(t | x, labels); 0 where nothing is labelled. ``best_truth``: 1 for the most probable t."""


def tiles(voxels: int, numbers_per_voxel: int, device: torch.device) -> Iterator[slice]:
    """Consecutive slices that cover all voxels, the longest first, each of about TILE_NUMBERS numbers."""
    width = max(1, TILE_NUMBERS.get(device.type, TILE_NUMBERS["cuda"]) // numbers_per_voxel)
    return (slice(start, min(start + width, voxels)) for start in range(0, voxels, width))


def observed(matrices: Tensor, one_hot: Tensor) -> Tensor:
    """Row y of matrices (O,A,T,N or 1) by 1[o=y] (O,A,N) -> (A,T,N); 0 where unlabelled.

    A sum over O of whole rows, which on a CPU beats gather below ten classes and equals it there.
    """
    rows = matrices[0] * one_hot[0, :, None]
    for matrix_row, chosen in zip(matrices[1:], one_hot[1:], strict=True):
        rows.addcmul_(matrix_row, chosen[:, None])
    return rows


def explain(log_probs: Tensor, log_confusion: Tensor, one_hot: Tensor, likelihood: Likelihood) -> Explanation:
    """Bayes' rule: log_probs (T,N), log C (O,A,T,N or 1), 1[o=y] (O,A,N) -> Explanation.

    The evidence is that of ``likelihood.log_likelihood``, its terms apart; all in logarithms, so that products of
    many small probabilities stay in the range of single precision.
    """
    labelled = one_hot.sum(dim=0)
    log_rows = observed(log_confusion, one_hot)
    if likelihood != "per_annotator":
        log_rows, labelled = log_rows.sum(dim=0, keepdim=True), labelled.amax(dim=0, keepdim=True)
    log_joint = log_rows.add_(log_probs)
    if likelihood == "best_truth":
        log_evidence, best = log_joint.max(dim=1, keepdim=True)
        posterior = torch.zeros_like(log_joint).scatter_(1, best, labelled[:, None])
    else:
        log_evidence = log_joint.logsumexp(dim=1, keepdim=True)
        posterior = log_joint.sub_(log_evidence).exp_().mul_(labelled[:, None])
    return Explanation(log_evidence=log_evidence[:, 0] * labelled, posterior=posterior)
