"""Intervals of volumes, widened until they hold as often as they say: conformalised quantile regression.

Romano, Patterson, Candes (NeurIPS 2019), Theorem 1: if a new object and the n held-out ones are exchangeable (drawn
alike, their order without meaning), its widened interval holds its volume with a probability of at least the level,
whatever the samples are worth; and of at most level + 1 / (n + 1) where no two scores are equal. The probability is
over objects of the kind that was held out, all together: not for each object, and not for objects of other data.
Objects of one case are not exchangeable with those of another one, which makes it approximate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Volumes = NDArray[np.integer] | NDArray[np.floating]


def widenings(volumes: Volumes, truths: Volumes, visible: Volumes, levels: Sequence[float]) -> NDArray[np.float64]:
    """(L,) by how much of its visible volume an object's central interval of each level must grow at either end.

    volumes (B,N) of the samples of held-out objects, truths (B,) and visible (B,), in one unit. With the ends low and
    high of an interval, the score of an object is max(low - truth, truth - high) / visible (Eq. 6, in units of what is
    seen); the widening is the ceil((B + 1) level)-th smallest (Eq. 8). Below 0 the intervals were too wide; inf where
    there are too few objects for the level.
    """
    tails = np.array([[(1 - level) / 2, (1 + level) / 2] for level in levels])
    low, high = np.moveaxis(np.quantile(volumes, tails, axis=1), 1, 0)  # (L,B) each
    scores = np.sort(np.maximum(low - truths, truths - high) / visible, axis=1)
    ranks = [math.ceil((len(truths) + 1) * level - 1e-9) for level in levels]
    pairs = zip(scores, ranks, strict=True)
    return np.array([of_level[rank - 1] if rank <= len(truths) else np.inf for of_level, rank in pairs])


def widened(volumes: Volumes, visible: float, level: float, widening: float) -> tuple[float, float]:
    """The central interval of an object's samples (N,), grown at either end by ``widening`` times its visible volume.

    Never below what is visible, which the object has at least; where a negative widening crosses the ends, both are
    their middle. nan, nan without a sample.
    """
    if not len(volumes):
        return math.nan, math.nan
    low, high = np.quantile(volumes, [(1 - level) / 2, (1 + level) / 2])
    grow = max(widening * visible, -(high - low) / 2)
    return max(float(low - grow), visible), max(float(high + grow), visible)
