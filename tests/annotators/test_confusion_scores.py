from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.confusion_scores import (
    confusion_rmse,
    empirical_confusion,
    joint_counts,
    mean_confusion,
    relative_area,
)

NAN = float("nan")
TRUTH = np.array([[0, 0, 0, 1], [1, 1, 1, -1]])
LABELS = np.array([[[0, 1, 1, 1], [1, 1, 0, 1]], [[0, 0, 0, -1], [-1, 1, 1, 1]]])


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


def test_relative_area_leaves_out_who_did_not_see_the_case():
    labels = np.array([[1, 2, 1, 0], [1, 0, 0, 0], [-1, -1, -1, -1]])
    assert relative_area(labels)[:2] == pytest.approx([1.5, 0.5])
    assert np.isnan(relative_area(labels)[2])
    assert np.isnan(relative_area(labels * 0)).all()


def test_counts_of_an_absent_annotator_are_zero_and_those_of_many_voxels_are_whole():
    assert (joint_counts(np.full_like(LABELS, -1), TRUTH, 3) == 0).all()
    labels, truth = np.random.default_rng(0).integers(-1, 4, (2, 3, 300, 400)).astype(np.int16)
    counts = joint_counts(labels, truth[0], 4)
    for a, o, t in np.ndindex(counts.shape):
        assert counts[a, o, t] == np.count_nonzero((labels[a] == o) & (truth[0] == t))
