"""Which way a metric is better, as the column ``direction`` of scores.csv says it, and what is worst by it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def worst_index(values: NDArray[np.float64], direction: str, means: bool = False) -> int | None:
    """Position of the worst of several values; None where all are nan or none is worse than another.

    direction: ``higher``, ``lower``, ``near 1``, ``neither``; after ``mean near 0.8`` there is a worst one of means
    alone (means: whether the values are), not of the zeros and ones behind them.
    """
    near = direction.removeprefix("mean ") if means else direction
    if np.isnan(values).all():
        return None
    if near.startswith("near "):
        return int(np.nanargmax(np.abs(values - float(near.removeprefix("near ")))))
    if near in ("higher", "lower"):
        return int(np.nanargmax(values if near == "lower" else -values))
    return None
