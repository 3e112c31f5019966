"""Intervals that hold: scores and ranks by hand, and coverage on objects like those that calibrated them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medseg.amodal.completion.calibration import Calibration
from medseg.amodal.completion.conformal import ALL, FEWEST, LEVELS, group_of, widened, widening_of, widenings

TEN = np.full(5, 10)
"""Samples that all have ten voxels."""


def strip(*pieces: int) -> np.ndarray:
    """(1,W) pieces of so many voxels, a gap between any two."""
    return np.concatenate([np.repeat([[True], [False]], (many, 1), axis=0) for many in pieces]).T


def test_the_ranks_are_those_of_split_conformal_prediction():
    truths = list(range(10, 19))  # scores 0..8 in scales of one voxel; ranks ceil(10 * .5), 8 and 9
    assert widening_of([TEN] * 9, [9] * 9, truths) == [4.0, 7.0, 8.0]
    assert widening_of([TEN] * 3, [9] * 3, [10, 11, 12]) == [1.0, math.inf, math.inf]  # ranks 2, 4 and 4 of three


def test_a_scale_is_what_the_samples_add():
    assert widening_of([TEN] * 9, [5] * 9, list(range(10, 19))) == pytest.approx([0.8, 1.4, 1.6])
    assert np.allclose(widened(TEN, 5, (0.8, 1.4, 1.6)), [(6, 14), (5, 17), (5, 18)])  # nothing below what is seen


def test_intervals_that_are_too_wide_become_narrower():
    drawn = np.arange(0, 101) + 100
    (narrow, *_) = widening_of([drawn] * 99, [100] * 99, [150] * 99)
    assert narrow == pytest.approx(-25 / 50)  # 125..175 to 150..150, in scales of 50
    assert widened(drawn, 100, (narrow, 0.0, 0.0))[0] == pytest.approx((150, 150))


def test_groups_are_what_can_be_seen():
    assert group_of(strip(10, 10), np.array([30])) == "several pieces"
    assert group_of(strip(100), np.array([104])) == "hardly anything hidden"
    assert group_of(strip(100), np.array([106])) == "one piece"


def test_each_group_has_its_own_widening_and_small_ones_that_of_all():
    shown = [strip(9)] * FEWEST + [strip(9, 9)] * 2
    volumes = [TEN] * FEWEST + [np.full(5, 19)] * 2
    found = widenings(shown, volumes, [11] * FEWEST + [30, 30])
    assert found.keys() == {ALL, "one piece"} and found["one piece"] == [1.0, 1.0, 1.0]
    calibration = Calibration(widenings=found)
    assert calibration.intervals(strip(9), TEN)[0] == (9, 11)
    assert calibration.intervals(strip(9, 9), np.full(5, 19))[0] == (18, 20)
    assert calibration.intervals(strip(9), TEN[:0]) == ()


def test_new_objects_like_the_old_are_held_as_often_as_the_level_says():
    rng = np.random.default_rng(0)
    true = rng.gamma(2.0, 10.0, 2000).astype(int) + 100
    drawn = [rng.normal(110, 3, 20).round().astype(int) for _ in true]  # far too sure of themselves
    share = widening_of(drawn[:1000], [100] * 1000, true[:1000].tolist())
    held = np.mean(
        [
            [low <= truth <= high for low, high in widened(volumes, 100, share)]
            for volumes, truth in zip(drawn[1000:], true[1000:], strict=True)
        ],
        axis=0,
    )
    assert np.abs(held - np.array(LEVELS)).max() < 0.05
