"""Consensus of labels that can be counted by hand; STAPLE's guards."""

from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.consensus import (
    majority_vote,
    soft_mean,
    staple,
    unanimous,
    vote_fraction,
)
from medseg.contracts import UNLABELLED

U = UNLABELLED


def disc(dims: int = 2, size: int = 24) -> np.ndarray:
    axes = np.ogrid[(slice(size),) * dims]
    return (sum((axis - size / 2) ** 2 for axis in axes) < (size / 3) ** 2).astype(int)


def test_vote_takes_the_most_frequent_class_and_the_lowest_of_equals():
    labels = np.array([[0, 2, 2, 1], [0, 2, 1, 2], [1, 1, 0, 2], [1, 2, 1, 1]])
    np.testing.assert_array_equal(majority_vote(labels, 3), [0, 2, 1, 1])


def test_vote_counts_only_those_who_labelled():
    labels = np.array([[U, U, U], [1, U, 0], [U, U, 1], [1, U, 1]])
    np.testing.assert_array_equal(majority_vote(labels, 2), [1, U, 1])


def test_soft_mean_and_vote_fraction_by_hand():
    labels = np.array([[0, 1, U], [1, 1, U], [2, 1, U], [2, U, U]])
    np.testing.assert_allclose(soft_mean(labels, 3), [[0.25, 0, 0], [0.25, 1, 0], [0.5, 0, 0]])
    np.testing.assert_allclose(vote_fraction(labels, 3), [0.5, 1, np.nan])


# ----------------------------------------------------------------------------------------- STAPLE
@pytest.mark.parametrize("dims", [2, 3])
def test_staple_trusts_two_good_annotators_over_three_that_see_little(dims: int):
    truth = disc(dims)
    half = truth.copy()
    half[12:] = 0
    noisy = [np.where(np.random.default_rng(s).random(truth.shape) < 0.3, 0, half) for s in range(3)]
    labels = np.stack([truth, truth, *noisy])
    assert (majority_vote(labels, 2) != truth).sum() > 0.4 * truth.sum()
    np.testing.assert_array_equal(staple(labels, 2), truth)


@pytest.mark.parametrize("dims", [2, 3])
def test_staple_of_several_classes_sees_through_a_swap(dims: int):
    truth = disc(dims)
    truth[:12] *= 2
    swapped = np.array([0, 2, 1])[truth]
    labels = np.stack([truth, truth, truth, swapped, np.zeros_like(truth)])
    np.testing.assert_array_equal(staple(labels, 3), truth)


def test_staple_leaves_out_the_absent():
    truth = disc()
    labels = np.stack([truth, np.full_like(truth, U), truth, np.zeros_like(truth)])
    np.testing.assert_array_equal(staple(labels, 2), staple(labels[[0, 2, 3]], 2))


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("label", [0, 1])
def test_staple_of_masks_of_one_class_is_that_class(num_classes: int, label: int):
    labels = np.full((3, 5, 5), label)
    np.testing.assert_array_equal(staple(labels, num_classes), labels[0])


def test_staple_of_one_annotator_is_that_annotator():
    labels = np.stack([disc(), np.full_like(disc(), U)])
    np.testing.assert_array_equal(staple(labels, 2), disc())
    np.testing.assert_array_equal(staple(labels[1:], 2), labels[1])


def test_staple_is_the_vote_where_not_all_labelled_and_unlabelled_where_nobody_did():
    truth = disc()
    labels = np.stack([truth, truth, truth])
    labels[:, 0], labels[0, 12] = U, U
    fused = staple(labels, 2)
    assert (fused[0] == U).all()
    np.testing.assert_array_equal(fused[1:], truth[1:])


def test_staple_leaves_the_undecided_to_the_vote():
    truth = disc()
    twos = 2 * truth  # two annotators, one says 1 and the other 2 throughout: MultiLabelSTAPLE is undecided
    np.testing.assert_array_equal(staple(np.stack([truth, twos]), 3), truth)


def test_staple_knows_classes_that_nobody_wrote():
    labels = np.stack([3 * disc()] * 3)
    np.testing.assert_array_equal(staple(labels, 5), labels[0])


def test_the_unanimous_say_nothing_where_two_differ_and_absent_annotators_do_not_count() -> None:
    labels = np.array([[0, 1, 2, 2, UNLABELLED], [0, 1, 1, UNLABELLED, UNLABELLED]])
    assert unanimous(labels).tolist() == [0, 1, UNLABELLED, 2, UNLABELLED]
