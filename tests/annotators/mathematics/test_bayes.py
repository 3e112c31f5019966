"""Bayes' rule on a voxel or two, by hand."""

from __future__ import annotations

import math

import torch

from medseg.annotators.mathematics import bayes
from medseg.annotators.mathematics.bayes import Explanation, explain, observed, tiles
from medseg.annotators.mathematics.likelihood import Likelihood, indicator
from medseg.contracts import UNLABELLED


def test_tiles_cover_every_voxel_once() -> None:
    width = bayes.TILE_NUMBERS["cpu"]
    cut = list(tiles(2 * width + 1, 1, torch.device("cpu")))
    assert cut == [slice(0, width), slice(width, 2 * width), slice(2 * width, 2 * width + 1)]
    assert list(tiles(2, 10 * width, torch.device("cpu"))) == [slice(0, 1), slice(1, 2)]


def test_indicator_is_zero_where_unlabelled() -> None:
    one_hot = indicator(torch.tensor([[0, 2, UNLABELLED]]), 3, torch.float32)
    assert one_hot[:, 0].tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_observed_takes_the_row_of_the_label() -> None:
    """Two voxels share a matrix; the first is labelled 1, the second not at all."""
    matrix = torch.tensor([[0.8, 0.1], [0.2, 0.9]])[:, None, :, None]
    one_hot = indicator(torch.tensor([[1, UNLABELLED]]), 2, torch.float32)
    rows = observed(matrix, one_hot)
    torch.testing.assert_close(rows, torch.tensor([[[0.2, 0.0], [0.9, 0.0]]]))


def two_annotators(likelihood: Likelihood) -> Explanation:
    """p = (.75, .25). Voxel 0: a writes 1 with C[1,:] = (.2, .9), b 0 with C[0,:] = (.6, .5); 1: nobody."""
    log_probs = torch.tensor([0.75, 0.25]).log()[:, None].expand(2, 2)
    confusion = torch.tensor([[[0.8, 0.1], [0.6, 0.5]], [[0.2, 0.9], [0.4, 0.5]]])[..., None]
    one_hot = indicator(torch.tensor([[1, UNLABELLED], [0, UNLABELLED]]), 2, torch.float32)
    return explain(log_probs, confusion.log(), one_hot, likelihood)


def test_private_truths_by_hand() -> None:
    explanation = two_annotators("per_annotator")
    expected = torch.tensor([[math.log(0.375), 0], [math.log(0.575), 0]])
    torch.testing.assert_close(explanation.log_evidence, expected)
    posterior = torch.tensor([[0.15 / 0.375, 0.225 / 0.375], [0.45 / 0.575, 0.125 / 0.575]])
    torch.testing.assert_close(explanation.posterior[..., 0], posterior)
    assert torch.count_nonzero(explanation.posterior[..., 1]) == 0


def test_one_shared_truth_by_hand() -> None:
    explanation = two_annotators("shared_truth")
    torch.testing.assert_close(explanation.log_evidence, torch.tensor([[math.log(0.09 + 0.1125), 0]]))
    torch.testing.assert_close(explanation.posterior[0, :, 0], torch.tensor([0.09, 0.1125]) / 0.2025)
    assert torch.count_nonzero(explanation.posterior[..., 1]) == 0


def test_the_best_truth_by_hand() -> None:
    """Of .75 * .2 * .6 = .09 and .25 * .9 * .5 = .1125 the second takes the whole voxel."""
    explanation = two_annotators("best_truth")
    torch.testing.assert_close(explanation.log_evidence, torch.tensor([[math.log(0.1125), 0]]))
    assert explanation.posterior[0].tolist() == [[0, 0], [1, 0]]


def test_products_below_the_range_of_single_precision() -> None:
    """C = exp(-120) for both classes is 0 in single precision; the evidence is exp(-120) all the same."""
    logits = torch.tensor([0.0, -120.0])[:, None, None, None].expand(2, 1, 2, 1)
    one_hot = indicator(torch.tensor([[1]]), 2, torch.float32)
    log_probs = torch.tensor([[0.75], [0.25]]).log()
    explanation = explain(log_probs, logits.log_softmax(dim=0), one_hot, "per_annotator")
    torch.testing.assert_close(explanation.log_evidence, torch.tensor([[-120.0]]))
    torch.testing.assert_close(explanation.posterior[0, :, 0], torch.tensor([0.75, 0.25]))
