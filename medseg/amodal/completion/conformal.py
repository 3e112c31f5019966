"""Volume intervals that hold: the samples' own, made wider or narrower by what objects of known whole taught.

Split conformal prediction with the score of conformalised quantile regression (Romano et al., NeurIPS 2019, Eq. 8), in
groups by what can be seen of an object (Mondrian; Vovk 2012). If the objects of a group are exchangeable with those
that it was calibrated on, an interval of level L holds the true volume of a new one with a probability of at least L.
They are not where the maps come from elsewhere, or are taken apart by other rules. More often than L it holds where
nothing is hidden of most objects of a group: an interval that holds one of these holds them all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from medseg.evaluation import central_interval

LEVELS = (0.5, 0.8, 0.9)
"""Of the central intervals."""

HARDLY = 0.05
"""Of an object in one piece the samples add less than this share of what is seen: it hardly more than touches."""

FEWEST = 30
"""A group of fewer calibrating objects takes the widening of a larger one."""

ALL = "all"
HEARD = "all in front or behind"
"""Larger groups, that stand in for small ones: ``HEARD`` where others were heard, ``ALL`` where nobody was."""

FRONT, BEHIND, BEHIND_SEVERAL = "likely in front", "likely behind, one piece", "likely behind, several pieces"
"""The groups of ``HEARD``."""

Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Example:
    """What a completer says of an object of known whole."""

    group: str
    """Its ``group_of``."""
    volumes: NDArray[np.integer]
    """(N,) of its samples."""
    seen: int
    """Its visible voxels."""
    truth: int
    """Its true volume in voxels."""


def group_of(visible: NDArray[np.bool_], volumes: NDArray[np.integer], hidden: float | None = None) -> str:
    """By the pieces that are seen (S...), and by how much the samples, of these volumes (N,), add on average.

    hidden: where others that may lie in front or behind are heard (``Fronts``), the probability that anything of it is
    hidden; among such objects are many of which nothing is, and they are groups of their own.
    """
    several = np.asarray(label(visible, connectivity=visible.ndim)).max(initial=0) > 1
    if hidden is not None and hidden < 0.5:
        return FRONT
    if hidden is not None:
        return BEHIND_SEVERAL if several else BEHIND
    if several:
        return "several pieces"
    return "hardly anything hidden" if volumes.mean() < (1 + HARDLY) * np.count_nonzero(visible) else "one piece"


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


def widening_of(examples: Sequence[Example]) -> list[float]:
    """For each level L the ceil((n + 1) L)-th smallest of n scores max(low - y, y - high) / scale, objects of volume y.

    Below 0 where the samples' own intervals are too wide. Infinite where so few objects cannot tell.
    """
    scores = np.array(
        [
            [
                max(low - one.truth, one.truth - high) / _scale(one.volumes, one.seen)
                for low, high in _central(one.volumes)
            ]
            for one in examples
        ]
    )
    ranks = [math.ceil((len(scores) + 1) * level) for level in LEVELS]
    return [
        float(np.sort(scores[:, number])[rank - 1]) if rank <= len(scores) else math.inf
        for number, rank in enumerate(ranks)
    ]


def widenings(examples: Sequence[Example]) -> Mapping[str, list[float]]:
    """Group -> its ``widening_of``, for groups of ``FEWEST`` examples and more, and for those of ``ALL`` together."""
    members: dict[str, list[Example]] = {}
    for example in examples:
        members.setdefault(example.group, []).append(example)
        members.setdefault(_larger(example.group), []).append(example)
    return {group: widening_of(of) for group, of in members.items() if len(of) >= FEWEST}


def widening_for(group: str, known: Mapping[str, Sequence[float]]) -> Sequence[float]:
    """That of the group; else of all that are like it, of all, or none."""
    found = (known[name] for name in (group, _larger(group), ALL) if name in known)
    return next(found, (0.0,) * len(LEVELS))


def calibrated(group: str, known: Mapping[str, Sequence[float]]) -> bool:
    """Whether objects like those of the group are among those of the widenings known."""
    return group in known or _larger(group) in known


def reaching(intervals: Sequence[Interval], seen: int, hidden: float) -> list[Interval]:
    """Intervals from the ``seen`` voxels on, where nothing hidden is likelier than a truth below them.

    That is 1 - hidden > (1 - L) / 2 for level L. hidden: a probability; nan: not known, and the intervals stay.
    """
    return [
        (seen if 1 - hidden > (1 - level) / 2 else low, high)
        for level, (low, high) in zip(LEVELS, intervals, strict=True)
    ]


def _larger(group: str) -> str:
    return HEARD if group in (FRONT, BEHIND, BEHIND_SEVERAL) else ALL


def _central(volumes: NDArray[np.integer]) -> list[Interval]:
    return [central_interval(volumes, level) for level in LEVELS]


def _scale(volumes: NDArray[np.integer], seen: int) -> float:
    return max(float(volumes.mean()) - seen, 1.0)
