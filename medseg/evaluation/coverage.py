"""Whether the samples' volumes spread as widely as they should: central intervals, and what they cover."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def central_interval(volumes: NDArray[np.integer] | NDArray[np.floating], level: float) -> tuple[float, float]:
    """The middle of the samples' volumes: their quantiles at (1 - level) / 2 and (1 + level) / 2.

    volumes: (N,) in any unit, which the ends share; level: 0..1, the share of samples inside. Between two samples
    a quantile is interpolated linearly. nan, nan without a sample.
    """
    if not len(volumes):
        return float("nan"), float("nan")
    low, high = np.quantile(volumes, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def covers(volumes: NDArray[np.integer] | NDArray[np.floating], volume: float, level: float) -> float:
    """1 where ``volume`` lies in the central interval of ``volumes`` (N,), its ends included, else 0.

    Averaged over objects it should be ``level``: less is overconfident, more is timid. nan without a sample.
    """
    if not len(volumes):
        return float("nan")
    low, high = central_interval(volumes, level)
    return float(low <= volume <= high)
