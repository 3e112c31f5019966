"""How much two label maps cover each other, one class at a time and never the background.

Every score is a fraction from 0 to 1 (higher is better), belongs to one case, and may be averaged
over cases.
Empty masks: both empty is nan (undefined, counted apart); exactly one empty is 0.
A voxel that is ``UNLABELLED`` in either map takes no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import UNLABELLED

SOFT_THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)


def dice(a: NDArray[np.integer], b: NDArray[np.integer], label: int) -> float:
    """Dice coefficient ``2|a&b| / (|a| + |b|)`` of one class (Dice 1945, p. 298).

    a, b: (S...) class indices. Both empty: nan; one empty: 0.

    >>> dice(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]), label=1)
    0.8
    """
    known = (a != UNLABELLED) & (b != UNLABELLED)
    in_a, in_b = (a == label) & known, (b == label) & known
    total = np.count_nonzero(in_a) + np.count_nonzero(in_b)
    return float(2 * np.count_nonzero(in_a & in_b) / total) if total else float("nan")


def iou(a: NDArray[np.integer], b: NDArray[np.integer], label: int) -> float:
    """Intersection over union ``|a&b| / |a|b|`` of one class (Jaccard 1912).

    a, b: (S...) class indices. Both empty: nan; one empty: 0.

    >>> iou(np.array([0, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 1]), label=1)
    0.75
    """
    known = (a != UNLABELLED) & (b != UNLABELLED)
    union = np.count_nonzero(((a == label) | (b == label)) & known)
    return float(np.count_nonzero((a == label) & (b == label)) / union) if union else float("nan")


def soft_dice(
    probs: NDArray[np.floating],
    reference_probs: NDArray[np.floating],
    thresholds: Sequence[float] = SOFT_THRESHOLDS,
) -> float:
    """Mean Dice of two probability maps of one class, both cut at each threshold (QUBIQ 2021 rules).

    probs, reference_probs: (S...). A voxel belongs to a cut if its probability is >= the threshold.
    A threshold at which both cuts are empty is left out; nan if all are.
    """
    per_threshold = [
        dice((probs >= threshold).astype(np.int8), (reference_probs >= threshold).astype(np.int8), label=1)
        for threshold in thresholds
    ]
    return mean_of_defined(per_threshold)


def dice_matrix(
    a: NDArray[np.integer], b: NDArray[np.integer], num_classes: int, absent: float = float("nan")
) -> NDArray[np.float64]:
    """Dice of every map of one set with every map of another, mean over the foreground classes.

    a: (A,S...), b: (A',S...) class indices. Returns (A,A'). A class that is empty in both maps of a
    pair is left out of its mean; ``absent`` where that leaves nothing.
    """
    sizes = _pair_sizes(a, b, num_classes)
    return _mean_over_classes(2 * sizes.shared, sizes.of_a + sizes.of_b, absent)


def iou_matrix(
    a: NDArray[np.integer], b: NDArray[np.integer], num_classes: int, absent: float = float("nan")
) -> NDArray[np.float64]:
    """IoU of every map of one set with every map of another; arguments as in ``dice_matrix``."""
    sizes = _pair_sizes(a, b, num_classes)
    return _mean_over_classes(sizes.shared, sizes.of_a + sizes.of_b - sizes.shared, absent)


def foreground_box(labels: NDArray[np.integer], margin: int = 0) -> tuple[slice, ...]:
    """The smallest box around the foregrounds of all maps, ``margin`` voxels wider where the grid allows.

    labels: (A,S...). Returns one slice per S axis; empty slices where no map has any foreground.
    Overlaps inside the box equal those on the whole grid, at a fraction of the memory.
    """
    foreground: NDArray[np.bool_] = np.asarray((labels > 0).any(axis=0))
    if not foreground.any():
        return (slice(0),) * foreground.ndim
    axes = range(foreground.ndim)
    hits = [np.flatnonzero(foreground.any(axis=tuple(other for other in axes if other != axis))) for axis in axes]
    return tuple(slice(max(int(hit[0]) - margin, 0), int(hit[-1]) + 1 + margin) for hit in hits)


def mean_of_defined(values: Sequence[float] | NDArray[np.floating]) -> float:
    """Mean of the values that are not nan; nan if there is none."""
    array = np.asarray(values, dtype=np.float64)
    defined = array[~np.isnan(array)]
    return float(defined.mean()) if defined.size else float("nan")


@dataclass(frozen=True, kw_only=True)
class _PairSizes:
    """(T-1,A,A') voxels of each foreground class, over the voxels that both maps of a pair label."""

    shared: NDArray[np.float64]
    """In both maps."""
    of_a: NDArray[np.float64]
    """In the first map."""
    of_b: NDArray[np.float64]
    """In the second map."""


def _pair_sizes(a: NDArray[np.integer], b: NDArray[np.integer], num_classes: int) -> _PairSizes:
    """a (A,S...), b (A',S...), inside the box of all foregrounds, outside of which nothing is counted."""
    box = (slice(None), *foreground_box(np.concatenate([a, b])))
    flat_a, flat_b = a[box].reshape(len(a), -1), b[box].reshape(len(b), -1)
    known_a = (flat_a != UNLABELLED).astype(np.float64)
    known_b = (flat_b != UNLABELLED).astype(np.float64)
    shared, of_a, of_b = (np.zeros((num_classes - 1, len(a), len(b))) for _ in range(3))
    for label in range(1, num_classes):
        in_a, in_b = (flat_a == label).astype(np.float64), (flat_b == label).astype(np.float64)
        shared[label - 1] = np.einsum("an,bn->ab", in_a, in_b, optimize=True)
        of_a[label - 1] = np.einsum("an,bn->ab", in_a, known_b, optimize=True)
        of_b[label - 1] = np.einsum("an,bn->ab", known_a, in_b, optimize=True)
    return _PairSizes(shared=shared, of_a=of_a, of_b=of_b)


def _mean_over_classes(
    numerator: NDArray[np.float64], denominator: NDArray[np.float64], absent: float
) -> NDArray[np.float64]:
    """Mean over axis 0 of the quotients whose denominator is not 0; ``absent`` where there is none."""
    defined = denominator > 0
    total = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=defined).sum(axis=0)
    count = defined.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), absent)
