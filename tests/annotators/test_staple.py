"""What STAPLE believes, against what can be counted."""

from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.consensus import staple_estimate, staple_labels
from medseg.annotators.staple import StapleEstimate

RNG = np.random.default_rng(0)


def drawn(truth: np.ndarray, wrong: float, classes: int) -> np.ndarray:
    """A label that is any class at all in a share of the voxels."""
    return np.where(RNG.random(truth.shape) < wrong, RNG.integers(0, classes, truth.shape), truth)


@pytest.mark.parametrize("classes", [2, 3])
def test_sensitivity_and_specificity_are_those_of_the_truth(classes: int) -> None:
    truth = RNG.integers(0, classes, (90, 90))
    labels = np.stack([drawn(truth, wrong, classes) for wrong in (0.05, 0.1, 0.2, 0.4)])
    found = staple_estimate(labels, classes)
    assert found is not None
    for index, label in np.ndindex(len(labels), classes):
        of_class = labels[index] == label
        assert found.sensitivity()[index, label] == pytest.approx(of_class[truth == label].mean(), abs=0.02)
        assert found.specificity()[index, label] == pytest.approx((~of_class[truth != label]).mean(), abs=0.02)
    assert found.probs.sum(axis=0) == pytest.approx(1)
    assert (staple_labels(labels, found, classes) == truth).mean() > 0.95


def test_specificity_weighs_the_other_classes_by_their_prior() -> None:
    """Of classes .5, .3, .2: whoever writes class 1 on a tenth of class 0 and on all of class 2."""
    confusion = np.array([[[0.9, 0, 0], [0.1, 1, 1], [0, 0, 0]]])
    found = StapleEstimate(probs=np.zeros((3, 0)), confusion=confusion, prior=np.array([0.5, 0.3, 0.2]))
    assert found.specificity()[0] == pytest.approx([1, 1 - (0.5 * 0.1 + 0.2) / 0.7, 1])
    assert found.sensitivity()[0] == pytest.approx([0.9, 1, 0])


def test_a_class_that_nobody_wrote_has_no_sensitivity() -> None:
    labels = np.stack([RNG.integers(0, 2, 60) * 2 for _ in range(3)])
    found = staple_estimate(labels, 4)
    assert found is not None
    assert np.isnan(found.sensitivity()[:, [1, 3]]).all() and not np.isnan(found.sensitivity()[:, [0, 2]]).any()
    assert (found.probs[[1, 3]] == 0).all()


def test_one_annotator_leaves_nothing_to_estimate() -> None:
    labels = np.stack([RNG.integers(0, 2, (5, 5)), np.full((5, 5), -1)])
    assert staple_estimate(labels, 2) is None
