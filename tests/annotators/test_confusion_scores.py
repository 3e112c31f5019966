from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.confusion_scores import (
    alarms,
    confusion_rmse,
    dominance,
    empirical_confusion,
    foreground_dice,
    joint_counts,
    mean_confusion,
    relative_area,
)

NAN = float("nan")
TRUTH = np.array([[0, 0, 0, 1], [1, 1, 1, -1]])
LABELS = np.array([[[0, 1, 1, 1], [1, 1, 0, 1]], [[0, 0, 0, -1], [-1, 1, 1, 1]]])
HONEST, SWAPPED = np.diag([90.0, 10.0]), np.diag([90.0, 10.0])[::-1]


def test_counts_and_empirical_confusion_by_hand():
    assert joint_counts(LABELS, TRUTH, 2).tolist() == [[[1, 1], [2, 3]], [[3, 0], [0, 2]]]
    confusion = empirical_confusion(LABELS, TRUTH, 2)
    assert confusion[0] == pytest.approx(np.array([[1 / 3, 1 / 4], [2 / 3, 3 / 4]]))
    assert confusion.sum(axis=1) == pytest.approx(np.ones((2, 2)))


def test_columns_are_normalised_and_an_absent_class_has_none():
    confusion = mean_confusion(np.array([[[0.3, 0.0], [0.1, 0.0]]]))
    assert confusion[0, :, 0] == pytest.approx([0.75, 0.25])
    assert np.isnan(confusion[0, :, 1]).all()


def test_rmse_is_over_the_classes_that_occur():
    estimated = np.array([[0.9, 0.2], [0.1, 0.8]])
    empirical = np.array([[0.7, NAN], [0.3, NAN]])
    assert confusion_rmse(estimated, empirical) == pytest.approx(0.2)
    assert confusion_rmse(estimated, estimated) == 0
    assert np.isnan(confusion_rmse(estimated, np.full((2, 2), NAN)))


def test_dominance_is_of_the_mean_over_annotators_in_each_column():
    good, bad = np.array([[0.9, 0.2], [0.1, 0.8]]), np.array([[0.8, 0.7], [0.2, 0.3]])
    assert dominance(np.stack([good, bad])).tolist() == [True, True]
    assert dominance(np.stack([good, bad, bad])).tolist() == [True, False]
    assert dominance(np.array([[[0.5, NAN], [0.5, NAN]]])).tolist() == [False, True]


def test_pooled_foreground_dice_counts_a_class_mistaken_for_another_as_wrong():
    assert foreground_dice(np.array([[50, 2, 0], [1, 5, 3], [0, 0, 4]])) == pytest.approx(2 * 9 / (13 + 14))
    assert np.isnan(foreground_dice(np.diag([5, 0])))


def test_relative_area_leaves_out_who_did_not_see_the_case():
    labels = np.array([[1, 2, 1, 0], [1, 0, 0, 0], [-1, -1, -1, -1]])
    assert relative_area(labels)[:2] == pytest.approx([1.5, 0.5])
    assert np.isnan(relative_area(labels)[2])
    assert np.isnan(relative_area(labels * 0)).all()


def test_silence_where_the_truth_keeps_to_the_vote():
    assert (
        alarms(HONEST, np.stack([HONEST, SWAPPED]), np.eye(2)[None], annotators=["ann", "ben"], classes=["bg", "cell"])
        == []
    )


def test_a_truth_further_from_the_vote_than_every_annotator_is_named():
    annotators = np.array([[[90, 0], [0, 10]], [[88, 2], [2, 8]]])
    drifted = np.array([[90, 5], [0, 5]])
    assert alarms(drifted, annotators, np.eye(2)[None], annotators=["ann", "ben"], classes=["bg", "cell"]) == [
        "the recovered truth agrees less with the vote (Dice 0.667) than any annotator does "
        "(least: ben, 0.800): "
        "it may have drifted, or its classes may have swapped"
    ]


def test_a_swap_is_named_by_its_classes():
    confusion = np.array([[[0.9, 0.7], [0.1, 0.3]]])
    assert alarms(HONEST, HONEST[None], confusion, annotators=["ann"], classes=["bg", "cell"]) == [
        "the mean confusion has lost dominance: true cell is called bg (0.700) "
        "at least as often as cell (0.300): "
        "the classes may have swapped"
    ]


def test_no_alarm_without_any_foreground_in_the_vote():
    empty = np.diag([100.0, 0.0])
    assert alarms(empty, empty[None], np.eye(2)[None], annotators=["ann"], classes=["bg", "cell"]) == []


def test_counts_of_an_absent_annotator_are_zero_and_those_of_many_voxels_are_whole():
    assert (joint_counts(np.full_like(LABELS, -1), TRUTH, 3) == 0).all()
    labels, truth = np.random.default_rng(0).integers(-1, 4, (2, 3, 300, 400)).astype(np.int16)
    counts = joint_counts(labels, truth[0], 4)
    for a, o, t in np.ndindex(counts.shape):
        assert counts[a, o, t] == np.count_nonzero((labels[a] == o) & (truth[0] == t))
