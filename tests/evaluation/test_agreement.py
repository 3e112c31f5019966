from __future__ import annotations

import numpy as np
import pytest

from medseg.evaluation.agreement import (
    dice_match,
    dice_max,
    fleiss_kappa,
    ged2_u,
    ged2_v,
    hungarian_iou,
    krippendorff_alpha,
    mean_pairwise_dice,
    pairwise_dice,
    pairwise_kappa,
)


def annotator(*voxels: int, grid: int = 8) -> np.ndarray:
    labels = np.zeros((1, grid), dtype=np.int64)
    labels[0, list(voxels)] = 1
    return labels


ABSENT = np.full((1, 8), -1)


def test_pairwise_dice_knows_absent_annotators_and_the_mean_skips_them():
    labels = np.stack([annotator(2, 3), annotator(3, 4), ABSENT])
    matrix = pairwise_dice(labels, 2)
    assert matrix[0, 1] == matrix[1, 0] == pytest.approx(0.5)
    assert matrix[0, 0] == 1
    assert np.isnan(matrix[2]).all()
    assert mean_pairwise_dice(labels, 2) == pytest.approx(0.5)
    assert np.isnan(mean_pairwise_dice(labels[1:], 2))


def test_cohen_kappa_by_hand_inside_the_box_one_voxel_wider():
    # box: voxels 1..5; a = 0 1 1 0 0, b = 0 0 1 1 0: agreement 3/5, by chance (2/5)^2 + (3/5)^2 = 13/25
    labels = np.stack([annotator(2, 3), annotator(3, 4)])
    kappa = pairwise_kappa(labels, 2)
    assert kappa[0, 1] == pytest.approx((3 / 5 - 13 / 25) / (1 - 13 / 25))
    assert kappa[0, 0] == pytest.approx(1)
    assert np.isnan(pairwise_kappa(np.stack([annotator(2), ABSENT]), 2)[0, 1])


def test_fleiss_kappa_by_hand():
    # as above with pooled marginals 4/10 and 6/10: chance 52/100
    labels = np.stack([annotator(2, 3), annotator(3, 4), ABSENT])
    assert fleiss_kappa(labels, 2) == pytest.approx((0.6 - 0.52) / (1 - 0.52), abs=1e-4)
    assert np.isnan(fleiss_kappa(labels[1:], 2))
    assert np.isnan(fleiss_kappa(np.stack([annotator(), annotator()]), 2))


def test_alpha_by_hand():
    # 10 ratings, 4 of class 1: expected disagreement 2*4*6/(10*9), observed 2/5
    labels = np.stack([annotator(2, 3), annotator(3, 4)])
    assert krippendorff_alpha(labels, 2) == pytest.approx(1 - (2 / 5) / (48 / 90))
    assert np.isnan(krippendorff_alpha(labels[:1], 2))
    assert np.isnan(krippendorff_alpha(np.stack([annotator(), annotator()]), 2))


def test_annotators_who_agree_score_one_however_large_the_image():
    for grid in (8, 800):
        labels = np.stack([annotator(2, 3, grid=grid)] * 3)
        assert krippendorff_alpha(labels, 2) == pytest.approx(1)
        assert fleiss_kappa(labels, 2) == pytest.approx(1, abs=1e-4)


def test_more_background_does_not_inflate_kappa_and_alpha():
    small = np.stack([annotator(2, 3), annotator(3, 4)])
    large = np.stack([annotator(2, 3, grid=800), annotator(3, 4, grid=800)])
    assert krippendorff_alpha(large, 2) == pytest.approx(krippendorff_alpha(small, 2))
    assert fleiss_kappa(large, 2) == pytest.approx(fleiss_kappa(small, 2))


def test_ged_of_two_sets_by_hand():
    # d(A,B) = 1 - 1/3; samples {A,B}, labels {A,A}
    samples, labels = np.stack([annotator(2, 3), annotator(3, 4)]), np.stack([annotator(2, 3)] * 2)
    far = 2 / 3
    assert ged2_v(samples, labels, 2) == pytest.approx(2 * far / 2 - far / 2 - 0)
    assert ged2_u(samples, labels, 2) == pytest.approx(2 * far / 2 - far - 0)


def test_ged_of_equal_sets_is_zero_and_two_empty_maps_are_not_apart():
    same = np.stack([annotator(2), annotator(), ABSENT])
    assert ged2_v(same, same, 2) == 0
    assert ged2_v(np.stack([annotator()]), np.stack([annotator()]), 2) == 0
    assert ged2_v(np.stack([annotator()]), np.stack([annotator(2)]), 2) == 2


def test_the_u_statistic_needs_two_members():
    assert np.isnan(ged2_u(np.stack([annotator(2), annotator(3)]), np.stack([annotator(2), ABSENT]), 2))
    assert np.isnan(ged2_v(np.stack([annotator(2)]), np.stack([ABSENT]), 2))


def test_hungarian_match_finds_the_order_that_fits():
    samples = np.stack([annotator(6), annotator(2, 3), annotator()])
    labels = np.stack([annotator(2, 3, 4, 5), annotator(), annotator(6)])
    assert hungarian_iou(samples, labels, 2) == pytest.approx((1 + 2 / 4 + 1) / 3)
    assert np.isnan(hungarian_iou(samples, np.stack([ABSENT]), 2))


def test_scores_of_two_sets_of_two_maps_by_hand() -> None:
    """Predicted {2}, {2,3,4}; drawn {2,3}, {2,3,4,5}. IoU 1/2, 1/4; 2/3, 3/4. Dice 2/3, 2/5; 4/5, 6/7."""
    samples = np.stack([annotator(2), annotator(2, 3, 4)])
    labels = np.stack([annotator(2, 3), annotator(2, 3, 4, 5)])
    between, within = (1 / 2 + 3 / 4 + 1 / 3 + 1 / 4) / 4, ((1 - 1 / 3), (1 - 1 / 2))
    assert ged2_v(samples, labels, 2) == pytest.approx(2 * between - sum(within) / 2)
    assert ged2_u(samples, labels, 2) == pytest.approx(2 * between - sum(within))
    assert hungarian_iou(samples, labels, 2) == pytest.approx((1 / 2 + 3 / 4) / 2)
    assert dice_match(samples, labels, 2) == pytest.approx((2 / 3 + 6 / 7) / 2)
    assert dice_max(samples, labels, 2) == pytest.approx((4 / 5 + 6 / 7) / 2)  # the second sample is nearest to both


def test_of_sets_that_are_alike_every_drawn_map_is_met_and_absent_annotators_take_no_part() -> None:
    same = np.stack([annotator(2), annotator(), ABSENT])
    assert dice_max(same, same, 2) == dice_match(same, same, 2) == hungarian_iou(same, same, 2) == 1
    assert np.isnan(dice_max(same, np.stack([ABSENT]), 2)) and np.isnan(dice_match(np.stack([ABSENT]), same, 2))


def test_more_predicted_maps_help_the_nearest_and_not_the_match() -> None:
    drawn = np.stack([annotator(2), annotator(6)])
    assert dice_max(drawn[:1], drawn, 2) == 0.5 and dice_match(drawn[:1], drawn, 2) == 1
    assert dice_max(drawn[[0, 1, 1, 1]], drawn, 2) == 1
