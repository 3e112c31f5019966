"""How sure a mean over seeds and cases is.

The interval (95 %) is that of the pigeonhole bootstrap (Owen 2007): seeds and cases are resampled
independently of one another, so that both the luck of the seed and the choice of the test cases widen it.
With one seed it is the bootstrap over cases, with one case (a figure of the whole run) that over seeds.
Objects (``<case>/<object>``) of one case are not independent: the mean is over objects, but cases are resampled,
each with all its objects (cluster bootstrap). Cases of one patient are taken as independent: the interval is too
narrow where patients have many cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DRAWS = 2000


@dataclass(frozen=True)
class Estimate:
    """A mean with the ends of its 95 % interval, nan where undefined."""

    mean: float
    low: float
    high: float


def case_means(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean of the column ``value`` over the defined rows of each run (seed, fold) and case.

    Returns a row per run and a column per case, nan where a case has no defined value in a run; runs
    and cases without any are left out.
    """
    defined = frame[frame["value"].notna()]
    return defined.pivot_table(index=["seed", "fold"], columns="case", values="value", aggfunc="mean")


def seed_means(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Mean of the column ``value`` for each seed (in their order), over folds and cases."""
    of_runs = case_means(frame).mean(axis=1)
    seeds = of_runs.index.get_level_values("seed").to_numpy()
    return np.array([of_runs.to_numpy()[seeds == seed].mean() for seed in np.unique(seeds)])


def bootstrap_mean(frame: pd.DataFrame) -> Estimate:
    """Mean over runs (seed, fold) of the means over cases of the column ``value``, with its interval.

    frame: columns seed, fold, case (or ``<case>/<object>``), value; several rows of one case or object and run are
    averaged first. Each run weighs the same; nan values are left out; one case of one seed has no interval,
    however many objects it has.
    """
    values = case_means(frame)
    if not len(values):
        return Estimate(np.nan, np.nan, np.nan)
    cells = values.to_numpy(dtype=np.float64)
    known = ~np.isnan(cells)
    # a cell weighs 1 / (cases of its run), so that the ratio of sums is the mean over runs
    weights = known / known.sum(axis=1, keepdims=True)
    seeds = values.index.get_level_values("seed").to_numpy()
    of_seed = np.equal.outer(np.unique(seeds), seeds).astype(np.float64)
    of_case = _memberships(list(values.columns))
    totals = np.einsum("sr,ro,oc->sc", of_seed, weights * np.nan_to_num(cells), of_case, optimize=True)
    sizes = np.einsum("sr,ro,oc->sc", of_seed, weights, of_case, optimize=True)
    mean = float(totals.sum() / sizes.sum())
    if totals.size == 1:
        return Estimate(mean, np.nan, np.nan)
    low, high = np.nanpercentile(_resampled_means(totals, sizes), [2.5, 97.5])
    return Estimate(mean, float(low), float(high))


def _memberships(names: Sequence[str]) -> NDArray[np.float64]:
    """``<case>`` or ``<case>/<object>`` -> (objects, cases) of 0 and 1: which case each belongs to."""
    cases = np.array([name.partition("/")[0] for name in names])
    return np.equal.outer(cases, np.unique(cases)).astype(np.float64)


def _resampled_means(totals: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(DRAWS,) ratios of sums after resampling both axes of totals and sizes (seed, case), seeded."""
    rng = np.random.default_rng(0)
    num_seeds, num_cases = totals.shape
    of_seeds = rng.multinomial(num_seeds, [1 / num_seeds] * num_seeds, size=DRAWS).astype(float)
    of_cases = rng.multinomial(num_cases, [1 / num_cases] * num_cases, size=DRAWS).astype(float)
    drawn_totals = np.einsum("ds,sc,dc->d", of_seeds, totals, of_cases, optimize=True)
    drawn_sizes = np.einsum("ds,sc,dc->d", of_seeds, sizes, of_cases, optimize=True)
    return np.divide(drawn_totals, drawn_sizes, out=np.full(DRAWS, np.nan), where=drawn_sizes > 0)
