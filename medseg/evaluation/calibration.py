"""Whether stated probabilities can be believed.

Averaging: each score is a mean over the labelled voxels of one case; average it over cases.
Masks may be empty: background voxels count like any other.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import multiclass_calibration_error

from medseg.contracts import UNLABELLED

SMALLEST_PROB = 1e-7
"""Probabilities are raised to this before a logarithm: a voxel costs at most 16.1 nats."""


def ece(probs: NDArray[np.floating], labels: NDArray[np.integer], bins: int = 15) -> float:
    """Expected calibration error of the most probable class (Guo et al. 2017, Eq. 3).

    sum over bins of (share of voxels) * |accuracy - mean confidence|; a fraction, lower is better.
    probs: (T,S...), labels: (S...). UNLABELLED voxels are skipped; nan if all are.

    >>> ece(np.array([[0.25, 0.25], [0.75, 0.75]]), np.array([1, 1]))  # stated .75, right everywhere
    0.25
    """
    if not (labels != UNLABELLED).any():
        return float("nan")
    num_classes = len(probs)
    error = multiclass_calibration_error(
        torch.from_numpy(np.clip(probs, 0, 1).reshape(1, num_classes, -1).astype(np.float32)),
        torch.from_numpy(labels.reshape(1, -1).astype(np.int64)),
        num_classes=num_classes,
        n_bins=bins,
        ignore_index=UNLABELLED,
    )
    return float(error)


def negative_log_likelihood(probs: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Mean of -log probs[label] in nats per labelled voxel; lower is better, 0 is certain and right.

    probs: (O,S...), clipped to at least ``SMALLEST_PROB``; labels: (S...). UNLABELLED voxels are
    skipped; nan if all are.
    """
    known = labels != UNLABELLED
    if not known.any():
        return float("nan")
    observed = np.take_along_axis(probs, np.where(known, labels, 0)[None], axis=0)[0]
    clipped = np.maximum(observed[known].astype(np.float64), SMALLEST_PROB)
    return max(0.0, float(-np.log(clipped).mean()))


def voxel_entropy(probs: NDArray[np.floating]) -> NDArray[np.float32]:
    """Entropy -sum_t p[t] log p[t] of every voxel in nats: 0 is certain, log T knows nothing.

    probs: (T,S...). Returns (S...).
    """
    clipped = np.maximum(probs.astype(np.float64), np.finfo(np.float64).tiny)
    return np.maximum(-np.einsum("t...,t...->...", probs, np.log(clipped)), 0).astype(np.float32)
