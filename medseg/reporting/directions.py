"""Which way a metric is better, as the column ``direction`` of scores.csv says it, and what is worst by it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def badness(values: NDArray[np.float64], direction: str, means: bool = False) -> NDArray[np.float64] | None:
    """How bad each of several values is, nan where it is nan; None where none is worse than another.

    direction: ``higher``, ``lower``, ``near 1``, ``neither``; after ``mean near 0.8`` there is a worst one of means
    alone (means: whether the values are), not of the zeros and ones behind them.
    """
    near = direction.removeprefix("mean ") if means else direction
    if near.startswith("near "):
        return np.abs(values - float(near.removeprefix("near ")))
    if near in ("higher", "lower"):
        return values if near == "lower" else -values
    return None


def worst_index(values: NDArray[np.float64], direction: str, means: bool = False) -> int | None:
    """Position of the worst of several values; None where all are nan or none is worse than another (``badness``)."""
    bad = badness(values, direction, means)
    return None if bad is None or np.isnan(bad).all() else int(np.nanargmax(bad))
