"""How sure a share or a mean over cases is: the interval of the bootstrap over patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DRAWS = 2000

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Ratios:
    """Ratios of sums over cases, each with its 95 % interval."""

    value: Floats
    """(K...) nan where there is nothing to divide by."""
    low: Floats
    """(K...) lower end; nan where there is but one patient."""
    high: Floats
    """(K...) upper end."""


def ratios(numerators: Floats, denominators: Floats, patients: Sequence[str]) -> Ratios:
    """sum over cases of numerators (N,K...) / the same of denominators (N,K...), of patients (N,).

    A mean of v is a ratio too: of v and 1 where v is defined, of 0 and 0 elsewhere. The interval is that of the
    percentiles of 2000 seeded draws of as many patients as there are, each with all its cases (cluster bootstrap; Efron
    and Tibshirani 1993, chapter 13).

    >>> found = ratios(np.array([[1.0], [3.0]]), np.array([[2.0], [2.0]]), ["p1", "p2"])
    >>> found.value.tolist(), found.low.tolist(), found.high.tolist()
    ([1.0], [0.5], [1.5])
    """
    codes, known = pd.factorize(np.asarray(patients, dtype=object))
    top, bottom = (_by_patient(values, codes, len(known)) for values in (numerators, denominators))
    value = _divided(top.sum(axis=0), bottom.sum(axis=0))
    if len(known) < 2:
        nothing = np.full_like(value, np.nan)
        return Ratios(value=value, low=nothing, high=nothing)
    rng = np.random.default_rng(0)
    times = rng.multinomial(len(known), [1 / len(known)] * len(known), size=DRAWS).astype(float)
    draws = _divided(np.tensordot(times, top, axes=1), np.tensordot(times, bottom, axes=1))
    defined = ~np.isnan(value)
    low, high = np.full((2, *value.shape), np.nan)
    low[defined], high[defined] = np.nanpercentile(draws[:, defined], [2.5, 97.5], axis=0)
    return Ratios(value=value, low=low, high=high)


def means(values: Floats, patients: Sequence[str]) -> Ratios:
    """Means over the cases (N,K...) in which a value is not nan."""
    defined = ~np.isnan(values)
    return ratios(np.where(defined, values, 0.0), defined.astype(float), patients)


def _by_patient(values: Floats, codes: NDArray[np.intp], patients: int) -> Floats:
    """(N,K...) -> (patients,K...)."""
    sums = np.zeros((patients, *values.shape[1:]))
    np.add.at(sums, codes, values)
    return sums


def _divided(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)
