from __future__ import annotations

import math

import numpy as np
import pytest

from medseg.amodal.completion.conformal import widened, widenings


def test_the_widening_is_a_score_of_a_held_out_object_by_hand():
    """All samples say 100, the truths are 1 to 9 % of the visible 50 away: of nine scores the fifth is the median."""
    volumes = np.full((9, 4), 100)
    truths = 100 + 0.5 * np.arange(1, 10) * np.where(np.arange(9) % 2, -1, 1)
    found = widenings(volumes, truths, np.full(9, 50), (0.5, 0.9, 0.95))
    assert found == pytest.approx([0.05, 0.09, math.inf])


def test_intervals_that_are_too_wide_become_narrower():
    volumes = np.tile(np.linspace(50, 150, 101), (9, 1))
    (found,) = widenings(volumes, np.full(9, 100), np.full(9, 50), (0.8,))
    assert found == pytest.approx(-0.8)  # 60 to 140 by the samples, and 100 always
    assert widened(volumes[0], 50, 0.8, found) == pytest.approx((100, 100))


def test_both_ends_grow_and_what_is_visible_is_the_least():
    volumes = np.linspace(50, 150, 101)
    assert widened(volumes, 50, 0.5, 0.1) == pytest.approx((70, 130))
    assert widened(volumes, 50, 0.8, 1.0) == pytest.approx((50, 190))
    assert widened(volumes, 50, 0.8, math.inf) == (50, math.inf)
    assert np.isnan(widened(volumes[:0], 50, 0.8, 0.1)).all()


def test_new_objects_of_the_same_kind_are_covered_as_often_as_said():
    """Samples far too much alike; 200 objects held out, 2000 new ones."""
    rng = np.random.default_rng(0)
    visible = rng.uniform(50, 150, 2200)
    truths = visible * (1 + rng.exponential(0.3, 2200))
    volumes = visible[:, None] * (1.2 + 0.01 * rng.standard_normal((2200, 20)))
    levels = (0.5, 0.8, 0.9)
    grown = widenings(volumes[:200], truths[:200], visible[:200], levels)
    for level, widening in zip(levels, grown, strict=True):
        ends = [widened(volumes[n], visible[n], level, widening) for n in range(200, 2200)]
        held = np.mean([low <= truths[200 + n] <= high for n, (low, high) in enumerate(ends)])
        assert abs(held - level) < 0.08, level
