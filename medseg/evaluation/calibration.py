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

    ``sum over bins of (share of voxels) * |accuracy - mean confidence|``; a fraction, lower is better.
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


def shares_by_prob(probs: NDArray[np.floating], observed: NDArray[np.bool_], bins: int = 10) -> NDArray[np.float64]:
    """A reliability diagram (DeGroot and Fienberg 1983; Guo et al. 2017, Fig. 1): by equal bins of probs, (3,bins).

    Rows: how many, the sum of their probs, how many were observed; those of several cases may be added. The last two
    divided by the first are the stated probability and the observed share. probs (N,) of one event, observed (N,).

    >>> shares_by_prob(np.array([0.1, 0.3, 0.8, 1.0]), np.array([False, True, True, True]), bins=2).tolist()
    [[2.0, 2.0], [0.4, 1.8], [1.0, 2.0]]
    """
    place = np.clip((probs * bins).astype(int), 0, bins - 1)
    weights = (None, probs, observed.astype(np.float64))
    return np.stack([np.bincount(place, weight, minlength=bins).astype(np.float64) for weight in weights])


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
    entropy = np.empty(probs.shape[1:], np.float32)
    for plane in range(len(entropy)):  # of a large volume there is no room for several copies in double precision
        clipped = np.maximum(probs[:, plane].astype(np.float64), np.finfo(np.float64).tiny)
        entropy[plane] = np.maximum(-np.einsum("t...,t...->...", probs[:, plane], np.log(clipped)), 0)
    return entropy
