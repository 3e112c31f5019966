"""Linear probes: how well one linear map of features tells a property, on cases that it was not fitted on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.floating]

DRAWS = 200
"""Of patients, behind an interval."""
CHANCE = {"auroc": 0.5, "r2": 0.0}
"""What features score that know nothing."""


@dataclass(frozen=True, kw_only=True)
class Property:
    """Something that is so, or so much, at every voxel."""

    name: str
    """What is asked."""
    values: Floats
    """(N,K) K numbers, or (N,) the index of a group; nan where nobody asks."""

    @property
    def score(self) -> Literal["auroc", "r2"]:
        """Of groups the area under the ROC curve, mean over groups against all others; of numbers R^2."""
        return "auroc" if self.values.ndim == 1 else "r2"

    @property
    def asked(self) -> NDArray[np.bool_]:
        """(N,) where."""
        return np.asarray(~np.isnan(self.values.reshape(len(self.values), -1)).any(axis=1))


@dataclass(frozen=True, kw_only=True)
class Gain:
    """A score before and after training, and the change with its 95 % interval."""

    before: float
    """Of the features of a network as its seed made it."""
    after: float
    """Of the trained one."""
    low: float
    """Of after - before, lower end; nan of one patient."""
    high: float
    """Upper end."""

    @property
    def verdict(self) -> str:
        """Training enhanced the property, suppressed it, or neither for certain."""
        return "enhanced" if self.low > 0 else "suppressed" if self.high < 0 else ""


def probe(features: Floats, learned: Property, others: Floats) -> Floats:
    """Fit on features (N,F) and say of others (M,F): (M,G) a score of each group in order, or (M,K) the numbers.

    Logistic regression, or ridge, of features that have mean 0 and deviation 1 where it is fitted.
    """
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    asked = learned.asked
    if learned.score == "r2":
        return make_pipeline(StandardScaler(), Ridge()).fit(features[asked], learned.values[asked]).predict(others)
    groups, found = learned.values[asked].astype(int), make_pipeline(StandardScaler(), LogisticRegression(max_iter=100))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that has not quite converged is scored as it is
        probs = found.fit(features[asked], groups).predict_proba(others)
    said = np.zeros((len(others), int(groups.max()) + 1))
    said[:, found[-1].classes_] = probs
    return said


def probe_scores(said: Floats, truth: Property, weights: Floats) -> Floats:
    """What ``probe`` said of (M,) voxels against what is so, under each row of weights (D,M): (D,).

    R^2 = 1 - sum w (y - said)^2 / sum w (y - mean of y)^2, mean over the K numbers; or the mean over groups of
    ``area_under_curve``; nan where there is nothing to tell.
    """
    asked = truth.asked
    said, values, weights = said[asked], truth.values[asked], weights[:, asked]
    if truth.score == "r2":
        total = weights.sum(axis=1, keepdims=True)
        mean = weights @ values / total
        spread = weights @ values**2 - total * mean**2
        return (1 - weights @ (values - said.reshape(values.shape)) ** 2 / spread).mean(axis=1)
    groups = range(1, 2) if said.shape[1] == 2 else range(said.shape[1])
    areas = [area_under_curve(said[:, group], values == group, weights) for group in groups]
    return np.ma.masked_invalid(areas).mean(axis=0).filled(np.nan)


def area_under_curve(said: Floats, member: NDArray[np.bool_], weights: Floats) -> Floats:
    """p(a member scores higher than another) + p(both the same) / 2 of scores (M,), under each row of weights (D,M).

    nan (D,) where there are no members, or none but members. The area under the ROC curve, of many weights at once.

    >>> area_under_curve(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]), np.ones((1, 4))).item()
    0.875
    """
    order = np.argsort(said, kind="stable")
    starts = np.flatnonzero(np.diff(said[order], prepend=-np.inf))
    inside, outside = (np.add.reduceat(weights[:, order] * mask[order], starts, axis=1) for mask in (member, ~member))
    below = np.cumsum(outside, axis=1) - outside / 2
    pairs = inside.sum(axis=1) * outside.sum(axis=1)
    return np.divide((inside * below).sum(axis=1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def gain(before: Floats, after: Floats, truth: Property, patients: Sequence[str]) -> Gain:
    """Of what two probes said of the same voxels (M,), of patients (M,) who are drawn anew, both probes alike."""
    codes, known = pd.factorize(np.asarray(patients, dtype=object))
    times = np.random.default_rng(0).multinomial(len(known), [1 / len(known)] * len(known), size=DRAWS)
    weights = np.concatenate([np.ones((1, len(codes))), times[:, codes].astype(float)])
    scores = [probe_scores(said, truth, weights) for said in (before, after)]
    low, high = np.full(2, np.nan) if len(known) < 2 else np.nanpercentile((scores[1] - scores[0])[1:], [2.5, 97.5])
    return Gain(before=float(scores[0][0]), after=float(scores[1][0]), low=float(low), high=float(high))


def can_be_asked(learned: Property, held_out: Property) -> bool:
    """Whether there are two groups to tell apart, or numbers that differ, on both sides."""
    return all(
        each.asked.sum() > 1 and bool((np.ptp(each.values[each.asked], axis=0) > 0).all())
        for each in (learned, held_out)
    )
