"""Intervals that hold: scores and ranks by hand, and coverage on objects like those that calibrated them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest

from medseg.amodal.completion.calibration import Calibration
from medseg.amodal.completion.conformal import (
    ALL,
    BEHIND,
    BEHIND_SEVERAL,
    FEWEST,
    FRONT,
    HEARD,
    LEVELS,
    Example,
    group_of,
    widened,
    widening_of,
    widenings,
)

TEN = np.full(5, 10)
"""Samples that all have ten voxels."""


def strip(*pieces: int) -> np.ndarray:
    """(1,W) pieces of so many voxels, a gap between any two."""
    return np.concatenate([np.repeat([[True], [False]], (many, 1), axis=0) for many in pieces]).T


def examples(drawn: np.ndarray, seen: int, truths: Iterable[int], group: str = "one piece") -> list[Example]:
    """Objects of which the samples say the same."""
    return [Example(group=group, volumes=drawn, seen=seen, truth=truth) for truth in truths]


def test_the_ranks_are_those_of_split_conformal_prediction():
    truths = list(range(10, 19))  # scores 0..8 in scales of one voxel; ranks ceil(10 * .5), 8 and 9
    assert widening_of(examples(TEN, 9, truths)) == [4.0, 7.0, 8.0]
    assert widening_of(examples(TEN, 9, [10, 11, 12])) == [1.0, math.inf, math.inf]  # ranks 2, 4 and 4 of three


def test_a_scale_is_what_the_samples_add():
    assert widening_of(examples(TEN, 5, range(10, 19))) == pytest.approx([0.8, 1.4, 1.6])
    assert np.allclose(widened(TEN, 5, (0.8, 1.4, 1.6)), [(6, 14), (5, 17), (5, 18)])  # nothing below what is seen


def test_intervals_that_are_too_wide_become_narrower():
    drawn = np.arange(0, 101) + 100
    (narrow, *_) = widening_of(examples(drawn, 100, [150] * 99))
    assert narrow == pytest.approx(-25 / 50)  # 125..175 to 150..150, in scales of 50
    assert widened(drawn, 100, (narrow, 0.0, 0.0))[0] == pytest.approx((150, 150))


def test_groups_are_what_can_be_seen():
    assert group_of(strip(10, 10), np.array([30])) == "several pieces"
    assert group_of(strip(100), np.array([104])) == "hardly anything hidden"
    assert group_of(strip(100), np.array([106])) == "one piece"


def test_objects_whose_others_are_heard_are_groups_of_their_own():
    assert group_of(strip(10, 10), np.array([30]), 0.5) == BEHIND_SEVERAL
    assert group_of(strip(100), np.array([106]), 0.5) == BEHIND
    assert group_of(strip(10, 10), np.array([30]), 0.49) == FRONT
    assert group_of(strip(100), np.array([106]), 0.49) == FRONT


def test_each_group_has_its_own_widening_and_small_ones_that_of_all():
    found = widenings(
        examples(TEN, 9, [11] * FEWEST)
        + examples(np.full(5, 19), 18, [30, 30], "several pieces")
        + examples(TEN, 9, [9] * FEWEST, FRONT)
        + examples(TEN, 9, [13] * 2, BEHIND)
    )
    assert found.keys() == {ALL, "one piece", FRONT, HEARD}
    assert found["one piece"] == [1.0, 1.0, 1.0] == found[ALL]
    calibration = Calibration(widenings=found)
    assert calibration.intervals("one piece", TEN, 9)[0] == (9, 11)
    assert calibration.intervals("several pieces", np.full(5, 19), 18)[0] == (18, 20)
    assert calibration.intervals(BEHIND, TEN, 9) == calibration.intervals(FRONT, TEN, 9) == ((9, 11),) * 3
    assert calibration.intervals("one piece", TEN[:0], 9) == ()


def test_where_none_in_front_taught_anything_intervals_begin_at_what_is_seen_if_that_is_likely():
    calibration = Calibration(widenings=widenings(examples(TEN, 5, [10] * FEWEST)))
    assert calibration.intervals("one piece", TEN, 5, 0.85) == ((10, 10),) * 3
    # nothing hidden: .15, more than the tails .1 and .05 of the levels .8 and .9, less than .25 of .5
    assert calibration.intervals(BEHIND, TEN, 5, 0.85) == ((10, 10), (5, 10), (5, 10))
    assert calibration.intervals(BEHIND, TEN, 5, math.nan) == ((10, 10),) * 3


def test_new_objects_like_the_old_are_held_as_often_as_the_level_says():
    rng = np.random.default_rng(0)
    true = rng.gamma(2.0, 10.0, 2000).astype(int) + 100
    drawn = [rng.normal(110, 3, 20).round().astype(int) for _ in true]  # far too sure of themselves
    taught = [Example(group=ALL, volumes=d, seen=100, truth=t) for d, t in zip(drawn[:1000], true[:1000], strict=True)]
    share = widening_of(taught)
    held = np.mean(
        [
            [low <= truth <= high for low, high in widened(volumes, 100, share)]
            for volumes, truth in zip(drawn[1000:], true[1000:], strict=True)
        ],
        axis=0,
    )
    assert np.abs(held - np.array(LEVELS)).max() < 0.05
