"""Bayes' rule at every voxel of a tile: what the annotators' labels say of the truth under confusion matrices.

Within a tile the matrices lie with O first, (O,A,T,N): so the row of a class is one piece of memory.
N is the number of voxels of a sample, or of a tile of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from medseg.contracts import UNLABELLED

Likelihood = Literal["per_annotator", "shared_truth", "best_truth"]

TILE_NUMBERS = {"cpu": 2**19, "cuda": 2**26}
"""How many numbers a tile has: on a CPU few enough for its cache, on a GPU enough to fill it."""

SMALLEST_EVIDENCE = 1e-30
"""Above it a product of probabilities is right to 1e-8 in single precision, whatever underflows within it."""


@dataclass
class Explanation:
    """What the labels say of the truth; axis 0 is A (``per_annotator``) or 1 (one truth for all annotators).

    log_evidence: log p(labels | x), (A|1,N). posterior: w[t] = p(t | x, labels), (A|1,T,N), for ``best_truth``
    1 for the most probable t and 0 for the others.
    Both are 0 where nothing is labelled.
    """

    log_evidence: Tensor
    posterior: Tensor


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


def tiles(voxels: int, numbers_per_voxel: int, device: torch.device) -> Iterator[slice]:
    """Consecutive slices that cover all voxels, the longest first, each of about TILE_NUMBERS numbers."""
    width = max(1, TILE_NUMBERS.get(device.type, TILE_NUMBERS["cuda"]) // numbers_per_voxel)
    return (slice(start, min(start + width, voxels)) for start in range(0, voxels, width))


def indicator(labels: Tensor, classes: int, dtype: torch.dtype) -> Tensor:
    """1[o = y]: labels (A,N) -> (O,A,N); all zero where unlabelled.

    Compared as and into floating-point numbers, which on a CPU is ten times as fast as by way of integers.
    """
    written = torch.empty(classes, *labels.shape, dtype=dtype, device=labels.device)
    every = torch.arange(classes, dtype=dtype, device=labels.device)
    return torch.eq(labels.to(dtype), every[:, None, None], out=written)


def observed(matrices: Tensor, written: Tensor, unlabelled: Tensor) -> Tensor:
    """Row y of matrices (O,A,T,N or 1) by 1[o=y] (O,A,N) -> (A,T,N); ``unlabelled`` (A,N) where there is none.

    A sum over O of whole rows, which on a CPU beats gather below ten classes and equals it there.
    """
    rows = torch.addcmul(unlabelled[:, None], matrices[0], written[0, :, None])
    for matrix_row, wrote in zip(matrices[1:], written[1:], strict=True):
        rows.addcmul_(matrix_row, wrote[:, None])
    return rows


def explain(
    log_probs: Tensor, confusion: Tensor, logits: Tensor, written: Tensor, likelihood: Likelihood
) -> Explanation:
    """Bayes' rule: log_probs (T,N), C and its logits (O,A,T,N or 1), 1[o=y] (O,A,N) -> Explanation.

    per_annotator (Zhang et al., NeurIPS 2020, Eq. 3): evidence sum_t p[t] C[y_a,t] for each annotator;
    shared_truth (the model of Warfield et al., TMI 2004): evidence sum_t p[t] prod_a C[y_a,t];
    best_truth (classification EM, Celeux and Govaert 1992): evidence max_t p[t] prod_a C[y_a,t].
    By products where they are safe in the range of the numbers, else by sums of logarithms.
    """
    labelled = written.sum(dim=0)
    rows = observed(confusion, written, 1 - labelled)
    one_truth = likelihood != "per_annotator"
    if one_truth:
        rows, counted = rows.prod(dim=0, keepdim=True), labelled.amax(dim=0, keepdim=True)
    else:
        counted = labelled
    joint = rows.mul_(log_probs.exp())
    evidence = joint.amax(dim=1) if likelihood == "best_truth" else joint.sum(dim=1)
    if evidence.amin() > SMALLEST_EVIDENCE:
        if likelihood == "best_truth":
            return Explanation(evidence.log() * counted, _winner(joint) * counted[:, None])
        return Explanation(evidence.log() * counted, joint.mul_((counted / evidence)[:, None]))
    log_rows = observed(logits.log_softmax(dim=0), written, torch.zeros_like(labelled))
    if one_truth:
        log_rows = log_rows.sum(dim=0, keepdim=True)
    log_joint = log_probs + log_rows
    if likelihood == "best_truth":
        return Explanation(log_joint.amax(dim=1) * counted, _winner(log_joint) * counted[:, None])
    return Explanation(log_joint.logsumexp(dim=1) * counted, log_joint.softmax(dim=1) * counted[:, None])


def _winner(joint: Tensor) -> Tensor:
    """1 for the largest along T, 0 for the others, the first of equals: (1,T,N) -> (1,T,N)."""
    return torch.zeros_like(joint).scatter_(1, joint.argmax(dim=1, keepdim=True), 1.0)
