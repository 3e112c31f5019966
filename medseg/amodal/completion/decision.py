"""Which voxels to answer, "none" included, and whether pieces are one object: what is best on average."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

HIDDEN_WEIGHT = 0.02
"""Of the hidden part's IoU beside the whole's: what a voxel more or less means for the whole of an object is little."""

LEVELS = 20
"""So finely the level is found at which pieces meet."""


def best_part(probs: NDArray[np.floating], seen: int, hidden: float) -> NDArray[np.bool_]:
    """(V,) which voxels to add to the ``seen`` visible ones: those of greatest expected utility, or none.

    With the probabilities in falling order, p_1 >= p_2 >= ..., c_k their sum up to the k-th, c the sum of all, and h
    the probability that anything is hidden, the k first are worth, to first order,

        U(k) = (seen + c_k) / (seen + k + c - c_k) + lambda h (c_k / h) / (k + (c - c_k) / h),

    the expected IoU of the whole, and lambda = ``HIDDEN_WEIGHT`` times that of the hidden part where there is one
    (the decision of Lipton et al., ECML 2014, for IoU instead of F1). U(0) = seen / (seen + c): to leave the object as
    it is, is an answer like any other. probs: (V,) of the voxels that may be added. hidden: nan where it is not known;
    then it is the greatest of the probabilities, which it is at least.
    """
    if not len(probs):
        return np.zeros(0, bool)
    falling = np.sort(probs)[::-1].astype(np.float64)
    h = max(float(falling[0]) if np.isnan(hidden) else hidden, 1e-3)
    sums, many, whole = np.concatenate([[0], falling.cumsum()]), np.arange(len(falling) + 1), falling.sum()
    utility = (seen + sums) / (seen + many + whole - sums)
    utility[1:] += HIDDEN_WEIGHT * sums[1:] / (many[1:] + (whole - sums[1:]) / h)
    best = int(utility.argmax())
    return probs >= falling[best - 1] if best else np.zeros(len(probs), bool)


def connection(probs: NDArray[np.floating], visible: NDArray[np.bool_], places: NDArray[np.integer]) -> float:
    """The highest level t, to a twentieth, at which the voxels of probs >= t (S...) connect two pieces of ``visible``.

    A mask drawn by cutting at an even level (``Calibration.levels``) connects them with that probability. Faces, edges
    and corners connect. places: (2,S), a voxel of each piece.
    """

    def apart(step: int) -> bool:
        numbers = np.asarray(label(visible | (probs >= step / LEVELS), connectivity=probs.ndim))
        one, other = numbers[tuple(places.T)]
        return bool(one != other)

    return bisect_left(range(1, LEVELS + 1), True, key=apart) / LEVELS  # what a level connects, so does a lower one
