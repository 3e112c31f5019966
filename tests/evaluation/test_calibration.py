from __future__ import annotations

import numpy as np
import pytest

from medseg.evaluation.calibration import SMALLEST_PROB, ece, negative_log_likelihood, shares_by_prob, voxel_entropy


def binary(foreground: list[float]) -> np.ndarray:
    return np.stack([1 - np.array(foreground), np.array(foreground)])


def test_ece_is_the_gap_between_confidence_and_accuracy():
    probs = binary([0.8, 0.8, 0.8, 0.8])
    assert ece(probs, np.array([1, 1, 1, 0])) == pytest.approx(0.05, abs=1e-6)
    assert ece(probs, np.array([0, 0, 0, 0])) == pytest.approx(0.8, abs=1e-6)
    assert ece(binary([1.0, 0.0]), np.array([1, 0])) == 0


def test_ece_weighs_its_bins_by_their_voxels():
    probs = binary([0.9, 0.9, 0.9, 0.3])
    assert ece(probs, np.array([1, 1, 1, 1])) == pytest.approx(0.75 * 0.1 + 0.25 * 0.7, abs=1e-6)


def test_ece_skips_unlabelled_voxels_and_survives_rounding_above_one():
    probs = binary([0.8, 0.8, 0.8, 0.8, 0.1])
    assert ece(probs, np.array([1, 1, 1, 0, -1])) == pytest.approx(0.05, abs=1e-6)
    assert np.isnan(ece(probs, np.full(5, -1)))
    assert ece(np.array([[1.0000001], [-1e-9]]), np.array([0])) == pytest.approx(0, abs=1e-6)


def test_nll_in_nats_by_hand_in_2d():
    probs = binary([0.5, 0.25, 0.9]).reshape(2, 1, 3)
    labels = np.array([[1, 1, -1]])
    assert negative_log_likelihood(probs, labels) == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert np.isnan(negative_log_likelihood(probs, np.full((1, 3), -1)))


def test_nll_of_certainty_is_zero_and_of_the_impossible_finite():
    assert negative_log_likelihood(binary([1.0, 0.0]), np.array([1, 0])) == 0
    worst = negative_log_likelihood(binary([1.0]), np.array([0]))
    assert worst == pytest.approx(-np.log(SMALLEST_PROB)) == pytest.approx(16.118, abs=1e-3)


def test_entropy_runs_from_zero_to_log_of_the_classes():
    probs = np.stack([[1.0, 0.25], [0.0, 0.25], [0.0, 0.25], [0.0, 0.25]])
    assert voxel_entropy(probs) == pytest.approx([0, np.log(4)])
    assert voxel_entropy(np.full((3, 2, 2, 2), 1 / 3)).shape == (2, 2, 2)


def test_shares_by_prob_are_those_of_each_bin() -> None:
    probs, observed = np.array([0.0, 0.49, 0.5, 0.99, 1.0]), np.array([False, True, False, True, True])
    found = shares_by_prob(probs, observed, bins=2)
    assert found == pytest.approx(np.array([[2, 3], [0.49, 2.49], [1, 2]]))
    assert shares_by_prob(probs, observed).sum(axis=1) == pytest.approx([5, 2.98, 3])
