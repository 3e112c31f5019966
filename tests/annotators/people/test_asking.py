"""What a further label would tell, against the enumeration of all truths and all labels."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from medseg.annotators.fitting import fit_fusion
from medseg.annotators.fusion import Fusion
from medseg.annotators.people.asking import information_gains
from medseg.contracts import UNLABELLED

from .conftest import disc

LABELS = np.array([[[1, 1, 0, 0]], [[0, 0, 1, 0]]])
"""Three voxels on which two annotators differ, and one on which they do not."""


def some_fusion() -> Fusion:
    """Four annotators, two zones, made up: the fourth writes the same whatever is there."""
    right = np.random.default_rng(3).uniform(0.6, 0.95, size=(4, 2, 2))  # (A,Z,T)
    confusion = np.where(np.eye(2, dtype=bool), right[..., None, :], 1 - right[..., None, :])  # (A,Z,O,T)
    confusion[3] = [[0.3, 0.3], [0.7, 0.7]]
    return Fusion(log_confusion=np.log(confusion), log_prior=np.log(np.full((2, 2), 0.25)), edges=np.array([1.5]))


def enumerated(prior: np.ndarray, confusion: np.ndarray) -> float:
    """I(t; y) of all voxels together: prior (N,T), confusion (N,O,T)."""
    voxels, classes = prior.shape
    states = list(product(range(classes), repeat=voxels))
    joint = np.array([
        [np.prod([prior[n, t] * confusion[n, y, t] for n, (t, y) in enumerate(zip(truth, said, strict=True))])
         for said in states]
        for truth in states
    ])  # fmt: skip

    def entropy(probs: np.ndarray) -> float:
        return float(-sum(p * np.log(p) for p in probs.ravel() if p > 0))

    of_y = joint.sum(axis=0)
    given = sum(weight * entropy(column / weight) for weight, column in zip(of_y, joint.T, strict=True))
    return entropy(joint.sum(axis=1)) - given


@pytest.mark.parametrize("annotator", [2, 3])
def test_the_gain_is_that_of_all_truths_and_all_labels_one_by_one(annotator: int) -> None:
    fusion, present = some_fusion(), np.array([0, 1])
    probs = fusion(LABELS, present)
    truth = probs.argmax(axis=0)[0]
    borders = [min(abs(n - m) for m in range(4) if truth[m] != truth[n]) for n in range(4)]
    zone = [int(distance >= 1.5) for distance in borders]
    confusion = np.exp(fusion.log_confusion[annotator])[zone]
    expected = enumerated(np.moveaxis(probs, 0, -1)[0, :3].astype(float), confusion[:3])
    (found,) = information_gains(fusion, LABELS, present, [annotator])
    assert found == pytest.approx(expected, abs=1e-6)
    assert (found > 0.01) == (annotator == 2)


def test_who_is_worth_more_and_a_case_in_more_doubt_come_first() -> None:
    rng = np.random.default_rng(0)
    truth = [disc(9, row=shift) for shift in rng.normal(size=8)]
    good = [np.stack([t, t, disc(11) | t, np.zeros_like(t)]).astype(np.int16) for t in truth]
    fusion = fit_fusion(good, 2)
    asked = good[0][2:]  # the wide one and the one who draws nothing; the two good ones did not see it
    gains = information_gains(fusion, asked, np.array([2, 3]), [0, 1])
    assert gains[0] == pytest.approx(gains[1])
    of_all = information_gains(fusion, good[1][[0, 3]], np.array([0, 3]), [1, 2])
    assert of_all[0] > of_all[1] and gains[0] > of_all[0]


def test_a_single_annotator_is_asked_about_everywhere_and_what_he_left_out_is_not() -> None:
    fusion = some_fusion()
    one = LABELS[:1].copy()
    (whole,) = information_gains(fusion, one, np.array([0]), [2])
    one[0, 0, 0] = UNLABELLED
    (less,) = information_gains(fusion, one, np.array([0]), [2])
    assert 0 < less < whole
