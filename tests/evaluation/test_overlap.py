from __future__ import annotations

import numpy as np
import pytest

from medseg.evaluation.overlap import (
    dice,
    dice_matrix,
    foreground_box,
    iou,
    iou_matrix,
    mean_of_defined,
    soft_dice,
)

A = np.array([[0, 1, 1, 1], [0, 2, 2, 0]])
B = np.array([[1, 1, 1, 0], [0, 2, 0, 0]])


def test_dice_and_iou_of_three_against_three_voxels_that_share_two():
    assert dice(A, B, 1) == pytest.approx(2 * 2 / (3 + 3))
    assert iou(A, B, 1) == pytest.approx(2 / 4)
    assert dice(A, B, 2) == pytest.approx(2 * 1 / (2 + 1))
    assert iou(A, B, 2) == pytest.approx(1 / 2)


@pytest.mark.parametrize("score", [dice, iou])
def test_both_empty_is_undefined_and_one_empty_is_zero(score):
    empty = np.zeros_like(A)
    assert np.isnan(score(empty, empty, 1))
    assert score(A, empty, 1) == 0
    assert score(empty, A, 1) == 0
    assert score(A, A, 1) == 1


def test_a_voxel_unlabelled_in_either_map_takes_no_part():
    a = np.array([1, 1, 0, -1])
    b = np.array([1, -1, 0, 1])
    assert dice(a, b, 1) == 1
    assert iou(a, b, 1) == 1
    assert dice_matrix(a[None], b[None], 2)[0, 0] == 1
    assert iou_matrix(a[None], b[None], 2)[0, 0] == 1


def test_matrices_are_means_over_the_classes_that_a_pair_has():
    maps = np.stack([A, B, np.zeros_like(A)])
    dices, ious = dice_matrix(maps, maps, 4), iou_matrix(maps, maps, 4, absent=1.0)
    assert dices[0, 1] == pytest.approx((4 / 6 + 2 / 3) / 2)
    assert ious[0, 1] == pytest.approx((2 / 4 + 1 / 2) / 2)
    assert dices[0, 2] == 0
    assert np.isnan(dices[2, 2])
    assert ious[2, 2] == 1


@pytest.mark.parametrize("shape", [(7, 5), (5, 4, 3)])
def test_matrices_equal_the_scores_of_single_classes(shape):
    maps = np.random.default_rng(0).integers(-1, 3, size=(3, *shape))
    expected = [[np.nanmean([dice(a, b, label) for label in (1, 2)]) for b in maps] for a in maps]
    assert dice_matrix(maps, maps, 3) == pytest.approx(np.array(expected))


def test_the_box_is_around_all_foregrounds_and_stays_on_the_grid():
    maps = np.zeros((2, 6, 6), dtype=int)
    maps[0, 2, 3] = 1
    maps[1, 4, 0] = 2
    assert foreground_box(maps) == (slice(2, 5), slice(0, 4))
    assert foreground_box(maps, margin=1) == (slice(1, 6), slice(0, 5))
    assert maps[(slice(None), *foreground_box(maps * 0))].size == 0


def test_soft_dice_is_the_mean_over_thresholds_and_leaves_out_empty_cuts():
    probs, reference = np.array([0.6, 0.6, 0.0]), np.array([0.2, 0.6, 0.0])
    assert soft_dice(probs, reference, thresholds=(0.1, 0.5)) == pytest.approx((1 + 2 / 3) / 2)
    assert soft_dice(probs, reference, thresholds=(0.5, 0.9)) == pytest.approx(2 / 3)
    assert np.isnan(soft_dice(probs, reference, thresholds=(0.9,)))


def test_a_mean_never_counts_what_is_undefined():
    assert mean_of_defined([1.0, float("nan"), 0.0]) == 0.5
    assert np.isnan(mean_of_defined([float("nan")]))
