from __future__ import annotations

import numpy as np
import pytest

from medseg.evaluation.coverage import central_interval, covers


def test_the_interval_is_the_middle_of_the_samples():
    volumes = np.arange(11)
    assert central_interval(volumes, 0.5) == pytest.approx((2.5, 7.5))
    assert central_interval(volumes[::-1], 0.8) == pytest.approx((1, 9))
    assert central_interval(np.array([4.0]), 0.9) == (4, 4)


def test_its_ends_are_inside():
    volumes = np.arange(11)
    assert [covers(volumes, volume, 0.8) for volume in (0.99, 1, 5, 9, 9.01)] == [0, 1, 1, 1, 0]
    assert covers(np.full(5, 7), 7, 0.5) == 1


def test_without_a_sample_nothing_is_known():
    assert np.isnan(central_interval(np.array([]), 0.5)).all()
    assert np.isnan(covers(np.array([]), 3, 0.5))


def test_samples_of_the_truth_cover_it_as_often_as_they_say():
    rng = np.random.default_rng(0)
    for level in (0.5, 0.8, 0.9):
        hits = [covers(rng.normal(size=200), float(rng.normal()), level) for _ in range(600)]
        assert np.mean(hits) == pytest.approx(level, abs=0.05)
