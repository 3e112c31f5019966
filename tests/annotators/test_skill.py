"""The fusion of labels: of those present alone as of all, and who is worth what."""

from __future__ import annotations

import numpy as np

from medseg.annotators.fitting import fit_fusion
from medseg.annotators.simulation.simulators import simulate
from medseg.contracts import UNLABELLED


def disc(side: int = 32, radius: int = 9) -> np.ndarray:
    rows, columns = np.ogrid[:side, :side]
    return ((rows - side / 2) ** 2 + (columns - side / 2) ** 2 < radius**2).astype(int)


def test_labels_of_those_present_are_fused_as_among_annotators_who_are_absent() -> None:
    rng = np.random.default_rng(0)
    specs = ("good", "jitter:2", "over:2", "jitter:1", "under")
    every = [np.stack([simulate(disc(), spec, 2, rng) for spec in specs]) for _ in range(4)]
    present = [np.sort(rng.permutation(5)[:3]) for _ in every]
    padded = [
        np.where(np.isin(np.arange(5), who)[:, None, None], y, UNLABELLED)
        for y, who in zip(every, present, strict=True)
    ]
    compact = [y[who] for y, who in zip(every, present, strict=True)]
    expected = fit_fusion(padded, 2)
    found = fit_fusion(compact, 2, annotator_index=present, annotators=5)
    np.testing.assert_allclose(found.log_confusion, expected.log_confusion)
    np.testing.assert_allclose(found.edges, expected.edges)
    for few, all_rows, who in zip(compact, padded, present, strict=True):
        probs = found(few, who)
        np.testing.assert_allclose(probs, expected(all_rows))
        np.testing.assert_allclose(found.evidence(few, probs, who), expected.evidence(all_rows, probs)[who])


def test_whoever_labelled_nothing_is_taken_for_one_of_the_others() -> None:
    labels = np.stack([disc(), disc(radius=10), disc(radius=8)])
    fusion = fit_fusion([labels], 2, annotator_index=[np.array([0, 1, 3])], annotators=5)
    assert fusion.log_confusion.shape[0] == 5
    np.testing.assert_allclose(fusion.log_confusion[2], fusion.log_confusion[4])
    assert not np.allclose(fusion.log_confusion[1], fusion.log_confusion[2])


def test_a_border_two_voxels_off_is_an_error_of_two_voxels() -> None:
    """Of a disc of radius 40: two annotators draw 38 or 42, five the disc; one saw nothing."""
    labels = np.stack([disc(112, radius) for radius in (38, 42, 40, 40, 40, 40, 40)])
    index = [np.arange(7)]
    fusion = fit_fusion([labels], 2, annotator_index=index, annotators=8)
    errors = fusion.border_error([labels], index)
    np.testing.assert_allclose(errors[:2], 2, atol=0.3)
    np.testing.assert_allclose(errors[2:7], 0, atol=0.01)
    assert np.isnan(errors[7])
