"""A value of cohort.yaml's ``ignore`` says nothing: not to the loss, not to a score, not to a count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from medseg.annotators.loading.records import read_record
from medseg.annotators.mathematics.confusion import GlobalConfusion
from medseg.annotators.mathematics.loss import AnnotatorLikelihoodLoss
from medseg.annotators.nouns import Prediction
from medseg.annotators.scores import score_case, tally_case
from medseg.cohorts.checking.images import check_images
from medseg.cohorts.cohort import load_cohort
from medseg.cohorts.cohort_yaml import read_cohort_yaml
from medseg.contracts import UNLABELLED

IGNORED = (slice(0, 4), slice(5, 8))


@pytest.fixture
def cohort(pictures):
    """Masks of ann, bob and the truth with 7 in the same twelve voxels, and one class with two values."""
    mask = pictures.mask()
    mask[IGNORED] = 7
    for who in ("ann", "bob", "truth"):
        pictures.write(pictures.mask_path("c01", who), mask)
    pictures.write(pictures.mask_path("c01", "bob"), np.where(mask == 255, 1, mask))
    pictures.row("c01", "truth")
    pictures.yaml += "ignore: 7\ntruth: truth\n"
    pictures.yaml = pictures.yaml.replace("object: 255", "object: [255, 1]")
    return load_cohort(pictures.tables())


def predicted(probs: np.ndarray) -> Prediction:
    """The same probabilities of the truth (T,S...) for both annotators."""
    joint = np.full((2, 2, 2), 0.25)
    both = np.stack([probs, probs])
    return Prediction(
        case="c01", truth_probs=probs, annotator_probs=both, joint_probs=joint, affine=np.eye(4), spacing_mm=None
    )


def test_it_is_read_as_unlabelled_and_other_values_as_their_class(cohort) -> None:
    record = read_record(cohort.cases[0], cohort, cohort.annotators)
    expected = np.zeros((8, 10), int)
    expected[:4, :5], expected[IGNORED] = 1, UNLABELLED
    for labels in (*record.labels, record.truth):
        assert (labels == expected).all()


def test_check_takes_it_and_counts_it_neither_as_foreground_nor_as_background(cohort) -> None:
    found = check_images(cohort)
    assert found.errors == ()
    assert [row.foreground for row in found.coverage] == [pytest.approx((20 / 68 + 20 / 80) / 2)] * 2


def test_the_loss_does_not_see_what_the_network_says_there(cohort) -> None:
    labels = read_record(cohort.cases[0], cohort, cohort.annotators).labels
    loss = AnnotatorLikelihoodLoss(GlobalConfusion(annotators=2, classes=2), "best_truth")
    logits = torch.randn(1, 2, 8, 10, generator=torch.Generator().manual_seed(0)).requires_grad_()
    changed = logits.detach().clone()
    changed[(0, slice(None), *IGNORED)] += 5.0
    of_both = torch.from_numpy(labels.astype(np.int64))[None]
    total = loss(logits, of_both)
    assert torch.allclose(total, loss(changed, of_both))
    total.backward()
    assert logits.grad is not None
    gradients = logits.grad.abs().sum(dim=(0, 1))
    assert (gradients[IGNORED] == 0).all() and (gradients > 0).sum() == 68


def test_no_score_and_no_count_sees_what_is_predicted_there(cohort) -> None:
    record = read_record(cohort.cases[0], cohort, cohort.annotators)
    random = np.random.default_rng(0).uniform(0.05, 0.95, (8, 10))
    other = random.copy()
    other[IGNORED] = 1 - random[IGNORED]
    names = {"classes": ("background", "object"), "annotators": cohort.annotators}
    said = [predicted(np.stack([1 - probs, probs])) for probs in (random, other)]
    first, second = (
        {(s.metric, s.annotator, s.label): s.value for s in score_case(one, record.labels, record.truth, **names)}
        for one in said
    )
    assert first.keys() == second.keys() and len(first) > 15
    for row, value in first.items():
        assert second[row] == pytest.approx(value, nan_ok=True), row
    tallies = [tally_case(one, record.labels, record.truth) for one in said]
    assert tallies[0].empirical.sum() == 2 * 68
    assert (tallies[0].truth_with_all == tallies[1].truth_with_all).all()


def test_a_value_is_ignored_or_a_class_and_never_both(pictures) -> None:
    pictures.yaml += "ignore: [255, x]\n"
    (pictures.root / "cohort.yaml").write_text(pictures.yaml)
    assert read_cohort_yaml(Path(pictures.root) / "cohort.yaml").complaints == [
        "ignore: expected values of no class, got 255, which object has (cohort.yaml)",
        "ignore: expected integers of the mask files, got x (cohort.yaml)",
    ]
