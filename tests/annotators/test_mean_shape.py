"""The mean shape: borders by hand, and what nobody said."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from medseg.annotators.consensus import soft_mean
from medseg.annotators.fitting import fit_mean_shape
from medseg.annotators.mean_shape import mean_shape
from medseg.contracts import UNLABELLED


def disc(radius: float) -> NDArray[np.int64]:
    return (np.hypot(*np.mgrid[-15:16, -15:16]) < radius).astype(np.int64)


def test_one_who_draws_too_much_and_one_who_draws_too_little_cancel_however_many_stand_on_a_side() -> None:
    over, under = disc(11), disc(5)
    even = mean_shape(np.stack([over, under]), 2, reach=6)[1] > 0.5
    assert even.sum() == pytest.approx(np.pi * 8**2, rel=0.1)
    most = mean_shape(np.stack([over, over, under]), 2, reach=6)[1] > 0.5
    assert most.sum() == pytest.approx(np.pi * 9**2, rel=0.1)  # the vote has 11


def test_with_half_a_voxel_of_reach_it_is_the_soft_mean() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.repeat(rng.integers(0, 3, (4, 6, 6)), 2, axis=1), 2, axis=2)
    np.testing.assert_allclose(mean_shape(labels, 3, reach=0.5), soft_mean(labels, 3), atol=1e-6)


def test_what_all_say_is_certain_and_what_nobody_said_is_nothing() -> None:
    labels = np.stack([disc(9), disc(7), disc(0)])
    labels[2] = UNLABELLED
    labels[:, :4] = UNLABELLED
    labels[1, 4:8] = UNLABELLED
    probs = mean_shape(labels, 2, reach=3)
    assert not probs[:, :4].any() and np.allclose(probs[:, 4:].sum(axis=0), 1)
    assert (probs[1, 4:8] == disc(9)[4:8]).all()  # one alone
    assert (probs[1, 8:][disc(7)[8:] == 1] == 1).all() and (probs[1, 8:][disc(9)[8:] == 0] == 0).all()


def test_one_who_drew_nothing_pulls_no_farther_than_the_reach() -> None:
    blank, drawn = disc(0), disc(9)
    probs = mean_shape(np.stack([drawn, drawn, blank]), 2, reach=3)[1]
    assert probs[15, 15] == pytest.approx(2 / 3)
    assert np.array_equal(probs > 0.5, mean_shape(np.stack([drawn, blank, drawn]), 2, reach=3)[1] > 0.5)


def test_annotators_are_measured_against_it() -> None:
    """Of a border drawn by three voxels too far out and one as far too far in, each is right on one side alone."""
    cases = [np.stack([disc(r + 3), disc(r - 3)]) for r in (7, 8, 9)]
    fusion = fit_mean_shape(cases, 2, reach=4.0)
    assert fusion.reach == 4
    truth = fusion(cases[0]).argmax(axis=0)
    assert abs(truth.sum() / (np.pi * 7**2) - 1) < 0.06
    hit, rejected = np.exp(fusion.log_confusion[:, 0, 1, 1]), np.exp(fusion.log_confusion[:, 0, 0, 0])
    assert hit[0] > 0.7 > 0.5 > hit[1] and rejected[1] > 0.7 > 0.5 > rejected[0]  # shrunk to the mean of both


def test_a_finer_grid_with_shorter_voxels_has_the_same_shape() -> None:
    labels = np.stack([disc(11), disc(5), disc(11)])
    fine = np.repeat(np.repeat(labels, 2, axis=1), 2, axis=2)
    coarse, found = mean_shape(labels, 2, 4)[1] > 0.5, mean_shape(fine, 2, 4, voxel=(0.5, 0.5))[1] > 0.5
    assert found.sum() / 4 == pytest.approx(coarse.sum(), rel=0.08)
