"""The consensus of a case by its labels: what can be counted by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from medseg.annotators.fitting import fit_fusion
from medseg.annotators.fusing.by_labels import by_fusion, by_soft_mean, by_staple, by_vote
from medseg.annotators.fusing.consensus_case import ConsensusCase, shares
from medseg.annotators.fusion import Fusion, mutual_information

EVEN = np.log([[0.5, 0.5]])
GOOD, POOR = np.log([[0.9, 0.1], [0.1, 0.9]]), np.log([[0.5, 0.5], [0.5, 0.5]])
FUSION = Fusion(log_confusion=np.stack([GOOD, GOOD, POOR])[:, None], log_prior=EVEN, edges=np.zeros(0))
WAYS: dict[str, Callable[[np.ndarray], ConsensusCase]] = {
    "vote": lambda labels: by_vote(labels, 2),
    "soft": lambda labels: by_soft_mean(labels, 2),
    "staple": lambda labels: by_staple(labels, 2, ("background", "cell")),
    "fused": lambda labels: by_fusion(fit_fusion([labels], 2), labels, np.arange(len(labels))),
}


def squares() -> np.ndarray:
    """Three annotators, whose squares are one voxel wider each; nobody labelled the first line."""
    labels = np.zeros((3, 12, 12), np.int16)
    for index in range(3):
        labels[index, 5 - index : 8 + index, 5 - index : 8 + index] = 1
    labels[:, 0] = -1
    labels[0, 1] = -1
    return labels


@pytest.mark.parametrize("way", WAYS)
def test_unanimous_labels_are_the_consensus_and_no_voxel_is_in_doubt(way: str) -> None:
    labels = np.repeat(squares()[1:2], 3, axis=0)
    found = WAYS[way](labels)
    np.testing.assert_array_equal(found.labels, labels[0])
    known = labels[0] != -1
    assert found.probs.max(axis=0)[known].min() > 0.9
    assert found.worth["weight"] == pytest.approx([1 / 3, 1 / 3, 1 / 3])


@pytest.mark.parametrize("way", WAYS)
def test_a_voxel_that_nobody_labelled_stays_unlabelled_and_the_others_have_probabilities(way: str) -> None:
    labels = squares()
    found = WAYS[way](labels)
    assert (found.labels[0] == -1).all() and (found.labels[1:] != -1).all()
    assert (found.probs[:, 0] == 0).all()
    assert found.probs[:, 1:].sum(axis=0) == pytest.approx(1)
    assert found.worth["weight"].sum() == pytest.approx(1)


def test_the_soft_mean_is_the_share_and_the_vote_its_most_probable_class() -> None:
    labels = squares()
    assert by_soft_mean(labels, 2).probs[1, 6, 3:7] == pytest.approx([1 / 3, 2 / 3, 1, 1])
    assert by_soft_mean(labels, 2).labels[6, 3:7].tolist() == by_vote(labels, 2).labels[6, 3:7].tolist() == [0, 1, 1, 1]
    assert by_vote(labels, 2).probs[1, 6, 3:7].tolist() == [0, 1, 1, 1]


def test_the_weight_of_a_fusion_is_the_part_of_the_skill() -> None:
    labels = np.zeros((2, 4, 5), np.int16)
    labels[0, 1:3, 1:4] = 1
    found = by_fusion(FUSION, labels, np.array([0, 2]))
    assert found.worth["weight"] == pytest.approx([1, 0]) and found.worth["evidence"] == pytest.approx([np.log(9), 0])
    assert found.worth["information"] == pytest.approx(FUSION.information()[[0, 2]])
    assert found.worth["share"].tolist() == [1, 0]


def test_staple_names_sensitivity_and_specificity_of_each_class() -> None:
    truth = np.random.default_rng(0).integers(0, 2, (40, 40))
    blank = truth * 0
    found = by_staple(np.stack([truth, truth, truth, blank]), 2, ("background", "cell"))
    np.testing.assert_array_equal(found.labels, truth)
    assert found.worth["sensitivity cell"] == pytest.approx([1, 1, 1, 0], abs=1e-3)
    assert found.worth["specificity cell"] == pytest.approx([1, 1, 1, 1], abs=1e-3)
    assert found.worth["weight"] == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0], abs=1e-3)


def test_staple_of_one_annotator_is_that_annotator_and_estimates_nothing() -> None:
    labels = squares()[2:]
    found = by_staple(labels, 2, ("background", "cell"))
    np.testing.assert_array_equal(found.labels, labels[0])
    assert found.worth["weight"].tolist() == [1] and np.isnan(found.worth["sensitivity cell"]).all()


def test_mutual_information_by_hand() -> None:
    certain = np.log([[[1 - 1e-15, 1e-15], [1e-15, 1 - 1e-15]]])
    with np.errstate(divide="ignore"):
        exact = np.log(np.eye(2)[None])
    assert mutual_information(certain) == pytest.approx([np.log(2)]) == mutual_information(exact)


def test_shares_of_nothing_are_equal() -> None:
    assert shares(np.array([0.2, 0.6])).tolist() == pytest.approx([0.25, 0.75])
    assert shares(np.zeros(4)).tolist() == [0.25] * 4
    assert shares(np.array([np.nan, 0.3])).tolist() == [0, 1]
