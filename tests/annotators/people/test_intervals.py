"""Intervals of shares and means over cases, patients drawn anew."""

from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.people.intervals import means, ratios


def test_a_ratio_is_that_of_the_sums_and_a_mean_leaves_out_what_is_undefined() -> None:
    found = ratios(np.array([[1.0, 0.0], [9.0, 0.0]]), np.array([[2.0, 0.0], [18.0, 0.0]]), ["a", "b"])
    assert found.value[0] == 0.5 and np.isnan([found.value[1], found.low[1], found.high[1]]).all()
    found = means(np.array([[1.0], [np.nan], [3.0]]), ["a", "b", "c"])
    assert found.value[0] == 2 and found.low[0] == 1 and found.high[0] == 3


def test_one_patient_has_no_interval_however_many_cases_he_has() -> None:
    found = means(np.array([[1.0], [2.0], [3.0]]), ["p", "p", "p"])
    assert found.value[0] == 2 and np.isnan([found.low[0], found.high[0]]).all()


def test_cases_of_one_patient_come_along_with_him() -> None:
    """Ten patients, ten equal cases each: as sure as ten cases, not as a hundred."""
    values = np.random.default_rng(1).normal(size=10)
    patients = [f"p{n}" for n in range(10)]
    once = means(values[:, None], patients)
    often = means(np.repeat(values, 10)[:, None], [name for name in patients for _ in range(10)])
    as_if = means(np.repeat(values, 10)[:, None], [str(n) for n in range(100)])
    assert [often.low[0], often.high[0]] == pytest.approx([once.low[0], once.high[0]])
    assert as_if.high[0] - as_if.low[0] < 0.5 * (once.high[0] - once.low[0])


def test_the_interval_covers_the_mean_that_cases_are_drawn_from() -> None:
    """400 times 30 patients of mean 1: of 95 % intervals by percentiles a little less than 95 % hold it."""
    drawn = np.random.default_rng(0).exponential(size=(30, 400))
    found = means(drawn, [str(n) for n in range(30)])
    assert 0.88 < np.mean((found.low <= 1) & (found.high >= 1)) < 0.98
