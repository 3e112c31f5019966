"""Masks that are unlike their case and unlike their annotator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.labelled_case import Floats

LIMIT = -3.5
"""Robust z below which a mask is an outlier (Iglewicz and Hoaglin 1993)."""
LEAST_SPREAD = 0.02
"""No spread of Dice is taken for less: three annotators who agree by chance would make the fourth one."""


@dataclass(frozen=True, kw_only=True)
class Outliers:
    """The Dice of every mask with its reference, and how unusual it is; axes (N,A): cases, annotators."""

    dice: Floats
    """(N,A) nan where there is none."""
    z_case: Floats
    """(N,A) robust z among all who labelled the case, each of them less his own median;"""
    z_annotator: Floats
    """(N,A) and among all that the annotator labelled, each case less its own median."""

    @property
    def places(self) -> NDArray[np.intp]:
        """(M,2) case and annotator of every outlier: both z are below ``LIMIT``; the worst one first."""
        worse = np.maximum(self.z_case, self.z_annotator)
        found = np.argwhere(np.nan_to_num(worse) < LIMIT)
        return found[np.argsort(worse[tuple(found.T)])]


def find_outliers(dice: Floats) -> Outliers:
    """dice (N,A) of each mask with its reference, nan where there is none.

    Robust z = (d - median) / max(1.4826 median |d - median|, ``LEAST_SPREAD``), d the Dice less the median of the
    annotator among those of a case, less the median of the case among those of an annotator. A hard case is hard for
    all, and who always errs is told by his row of annotators.csv: neither makes an outlier, nor do both together. Two
    annotators of a case, each measured by the other, have the same Dice: nobody can tell which of them is wrong.

    >>> dice = np.full((6, 4), 0.9)
    >>> dice[2], dice[:, 3], dice[4, 1] = 0.5, 0.4, 0.2
    >>> find_outliers(dice).places.tolist()
    [[4, 1]]
    """
    of_annotator, of_case = dice - _median(dice, axis=0), dice - _median(dice, axis=1)
    return Outliers(dice=dice, z_case=_robust_z(of_annotator, axis=1), z_annotator=_robust_z(of_case, axis=0))


def _robust_z(values: Floats, axis: int) -> Floats:
    off = values - _median(values, axis)
    return off / np.maximum(1.4826 * _median(np.abs(off), axis), LEAST_SPREAD)


def _median(values: Floats, axis: int) -> Floats:
    """Of the values that are not nan; the axis stays, with length 1. nan where there is none."""
    return np.ma.filled(np.ma.median(np.ma.masked_invalid(values), axis=axis, keepdims=True).astype(float), np.nan)
