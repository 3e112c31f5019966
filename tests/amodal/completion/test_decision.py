"""What is answered: sums by hand."""

from __future__ import annotations

import numpy as np
import pytest

from medseg.amodal.completion.decision import HIDDEN_WEIGHT, best_part, connection


def test_likely_voxels_are_added_and_unlikely_ones_are_not():
    assert best_part(np.array([0.9, 0.8, 0.1, 0.0]), seen=100, hidden=0.95).tolist() == [True, True, False, False]


def test_an_object_is_left_as_it_is_where_hardly_anything_is_likely():
    assert not best_part(np.full(50, 0.05), seen=100, hidden=0.2).any()
    assert not best_part(np.zeros(0), seen=100, hidden=0.2).any()


def test_the_utility_of_one_voxel_by_hand():
    """One voxel of probability p: to add it gives (s + p) / (s + 1) + lambda p, to leave it s / (s + p)."""
    for probability in (0.30, 0.40, 0.45, 0.48, 0.52):
        for seen in (4, 400):
            add = (seen + probability) / (seen + 1) + HIDDEN_WEIGHT * probability
            assert best_part(np.array([probability]), seen, 1.0)[0] == (add > seen / (seen + probability))


def test_a_sliver_costs_a_large_object_nothing_and_is_answered():
    probs = np.array([0.3, 0.3, 0.3, 0.01])
    assert best_part(probs, seen=10_000, hidden=0.3).sum() == 3
    assert best_part(probs, seen=10, hidden=0.3).sum() == 0


def test_where_it_is_not_known_whether_anything_is_hidden_the_likeliest_voxel_says_so():
    probs = np.array([0.3, 0.3, 0.3, 0.01])
    known, unknown = (best_part(probs, 10_000, hidden) for hidden in (0.3, float("nan")))
    np.testing.assert_array_equal(known, unknown)


@pytest.mark.parametrize(("bridge", "expected"), [(0.9, 0.9), (0.32, 0.3), (0.0, 0.0)])
def test_pieces_are_connected_at_the_level_of_the_weakest_voxel_between_them(bridge: float, expected: float):
    visible = np.zeros((3, 7), bool)
    visible[1, :2] = visible[1, 5:] = True
    probs = np.zeros((3, 7))
    probs[1, 2:5] = [0.95, bridge, 0.95]
    assert connection(probs, visible, np.array([[1, 0], [1, 6]])) == pytest.approx(expected)
