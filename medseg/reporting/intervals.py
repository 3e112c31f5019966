"""How sure a mean over seeds and cases is.

The interval (95 %) is that of the pigeonhole bootstrap (Owen 2007): seeds and cases are resampled
independently of one another, so that both the luck of the seed and the choice of the test cases widen it.
With one seed it is the bootstrap over cases, with one case (a score of the whole run) that over seeds.
Objects (``<case>/<object>``) of one case are not independent: the mean is over objects, but cases are resampled,
each with all its objects (cluster bootstrap). Cases of one patient are taken as independent: the interval is too
narrow where patients have many cases.

(scipy.stats.bootstrap resamples one axis, here are two, and cases whose objects come along.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DRAWS = 2000


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean and how sure it is."""

    mean: float
    """nan where nothing is defined."""
    low: float
    """Lower end of the 95 % interval, nan where there is none."""
    high: float
    """Its upper end."""


def case_means(frame: pd.DataFrame) -> pd.Series:
    """Mean of the column ``value`` over the defined rows of each run and case: seed, fold, case -> mean.

    Runs and cases without a defined value are left out.
    """
    return frame.dropna(subset="value").groupby(["seed", "fold", "case"])["value"].mean()


def seed_means(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Mean of the column ``value`` for each seed (in their order), over folds and cases."""
    of_runs = case_means(frame).groupby(["seed", "fold"]).mean()
    return of_runs.groupby("seed").mean().to_numpy(dtype=np.float64)


def bootstrap_mean(frame: pd.DataFrame) -> Estimate:
    """Mean over runs (seed, fold) of the means over cases of the column ``value``, with its interval.

    frame: columns seed, fold, case (or ``<case>/<object>``), value; several rows of one case or object and run are
    averaged first. Each run weighs the same; nan values are left out; one case of one seed has no interval,
    however many objects it has.
    """
    means = case_means(frame).rename("mean").reset_index()
    if means.empty:
        return Estimate(mean=np.nan, low=np.nan, high=np.nan)
    # a mean weighs 1 / (cases of its run), so that the ratio of sums is the mean over runs
    means["weight"] = 1 / means.groupby(["seed", "fold"])["mean"].transform("size")
    means["weighted"] = means["weight"] * means["mean"]
    means["case"] = means["case"].str.partition("/")[0]
    sums = means.groupby(["seed", "case"])[["weighted", "weight"]].sum().unstack(fill_value=0.0)
    totals, weights = (sums.T.xs(name, level=0).T.to_numpy() for name in ("weighted", "weight"))
    mean = float(totals.sum() / weights.sum())
    if totals.size == 1:
        return Estimate(mean=mean, low=np.nan, high=np.nan)
    low, high = np.nanpercentile(_resampled_means(totals, weights), [2.5, 97.5])
    return Estimate(mean=mean, low=float(low), high=float(high))


def _resampled_means(totals: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(DRAWS,) ratios of the sums of totals and weights (seed, case) after drawing seeds and cases anew, seeded.

    A draw says how often each seed and each case comes up; nan where no drawn seed has a drawn case.
    """
    rng = np.random.default_rng(0)
    of_seeds, of_cases = (rng.multinomial(size, [1 / size] * size, size=DRAWS).astype(float) for size in totals.shape)
    total = np.einsum("ds,sc,dc->d", of_seeds, totals, of_cases, optimize=True)
    weight = np.einsum("ds,sc,dc->d", of_seeds, weights, of_cases, optimize=True)
    return np.divide(total, weight, out=np.full(DRAWS, np.nan), where=weight > 0)
