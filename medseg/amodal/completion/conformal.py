"""Volume intervals that hold: the samples' own, made wider or narrower by what objects of known whole taught.

Split conformal prediction with the score of conformalised quantile regression (Romano et al., NeurIPS 2019, Eq. 8), in
groups by what can be seen of an object (Mondrian; Vovk 2012). If the objects of a group are exchangeable with those
that it was calibrated on, an interval of level L holds the true volume of a new one with a probability of at least L.
They are not where the maps come from elsewhere, or are taken apart by other rules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from medseg.evaluation import central_interval

LEVELS = (0.5, 0.8, 0.9)
"""Of the central intervals."""

HARDLY = 0.05
"""Of an object in one piece the samples add less than this share of what is seen: it hardly more than touches."""

FEWEST = 30
"""A group of fewer calibrating objects takes the widening of all."""

ALL = "all"

Interval = tuple[float, float]


def group_of(visible: NDArray[np.bool_], volumes: NDArray[np.integer]) -> str:
    """By the pieces that are seen (S...) and by how much the samples, of these volumes (N,), add on average."""
    if np.asarray(label(visible, connectivity=visible.ndim)).max(initial=0) > 1:
        return "several pieces"
    seen = np.count_nonzero(visible)
    return "hardly anything hidden" if volumes.mean() < (1 + HARDLY) * seen else "one piece"


def widened(
    volumes: NDArray[np.integer], seen: int, widening: Sequence[float] = (0.0,) * len(LEVELS)
) -> list[Interval]:
    """The central interval of each level of the samples' volumes (N,), by so many scales wider at either end.

    A scale is what the samples add to the ``seen`` voxels on average, one voxel at least. No interval reaches below
    what is seen.
    """
    scale = _scale(volumes, seen)
    return [
        (max(low - share * scale, seen), max(high + share * scale, seen))
        for (low, high), share in zip(_central(volumes), widening, strict=True)
    ]


def widening_of(volumes: Sequence[NDArray[np.integer]], seen: Sequence[int], truths: Sequence[int]) -> list[float]:
    """For each level L the ceil((n + 1) L)-th smallest of n scores max(low - y, y - high) / scale, objects of volume y.

    Below 0 where the samples' own intervals are too wide. Infinite where so few objects cannot tell.
    """
    scores = np.array(
        [
            [max(low - truth, truth - high) / _scale(drawn, shown) for low, high in _central(drawn)]
            for drawn, shown, truth in zip(volumes, seen, truths, strict=True)
        ]
    )
    ranks = [math.ceil((len(scores) + 1) * level) for level in LEVELS]
    return [
        float(np.sort(scores[:, number])[rank - 1]) if rank <= len(scores) else math.inf
        for number, rank in enumerate(ranks)
    ]


def widenings(
    visible: Sequence[NDArray[np.bool_]], volumes: Sequence[NDArray[np.integer]], truths: Sequence[int]
) -> Mapping[str, list[float]]:
    """Group -> its ``widening_of``, for groups of ``FEWEST`` objects and more, and for ``ALL`` of them together.

    visible: (S...) of each object. volumes: (N,) of its samples. truths: of the true volumes.
    """
    groups = [group_of(shown, drawn) for shown, drawn in zip(visible, volumes, strict=True)]
    seen = [int(np.count_nonzero(shown)) for shown in visible]
    members = {ALL: list(range(len(groups)))}
    for number, group in enumerate(groups):
        members.setdefault(group, []).append(number)
    return {
        group: widening_of([volumes[n] for n in of], [seen[n] for n in of], [truths[n] for n in of])
        for group, of in members.items()
        if len(of) >= FEWEST
    }


def _central(volumes: NDArray[np.integer]) -> list[Interval]:
    return [central_interval(volumes, level) for level in LEVELS]


def _scale(volumes: NDArray[np.integer], seen: int) -> float:
    return max(float(volumes.mean()) - seen, 1.0)
