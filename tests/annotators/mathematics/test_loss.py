"""The loss for anybody's training loop, and the examples of the public classes."""

from __future__ import annotations

import doctest

import pytest
import torch
from torch import nn

from medseg.annotators.mathematics import confusion, loss
from medseg.annotators.mathematics.confusion import GlobalConfusion, PixelConfusion
from medseg.annotators.mathematics.loss import AnnotatorLikelihoodLoss
from medseg.contracts import UNLABELLED, Refused

A, T, F = 3, 2, 4


@pytest.mark.parametrize("module", [confusion, loss])
def test_the_examples_run(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert found.attempted > 5 and found.failed == 0


def test_logits_and_log_probabilities_cost_the_same() -> None:
    torch.manual_seed(0)
    logits, labels = 5 * torch.randn(2, T, 4, 4), torch.randint(UNLABELLED, T, (2, A, 4, 4))
    annotators = AnnotatorLikelihoodLoss(GlobalConfusion(A, T), "shared_truth")
    torch.testing.assert_close(annotators(logits, labels), annotators(logits.log_softmax(dim=1), labels))


def test_certain_annotators_who_agree_with_a_certain_network_cost_nothing() -> None:
    annotators = AnnotatorLikelihoodLoss(GlobalConfusion(A, T), "per_annotator")
    annotators.confusion.bias.data = (120 * torch.eye(T) - 60).repeat(A, 1, 1)
    labels = torch.randint(0, T, (2, 1, 4, 4, 4))
    logits = 100 * nn.functional.one_hot(labels[:, 0], T).movedim(-1, 1).float()
    assert annotators(logits, labels.expand(-1, A, -1, -1, -1)).item() == 0
    torch.testing.assert_close(annotators(logits, 1 - labels.expand(-1, A, -1, -1, -1)).item(), 100.0)


def test_network_features_and_matrices_get_gradients_through_half_precision() -> None:
    torch.manual_seed(0)
    network, to_classes = nn.Conv2d(1, F, 3, padding=1), nn.Conv2d(F, T, 1)
    annotators = AnnotatorLikelihoodLoss(PixelConfusion(A, T, F), "best_truth", trace_weight=0.1)
    nn.init.normal_(annotators.confusion.weight)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = network(torch.randn(2, 1, 8, 8))
        total = annotators(to_classes(features), torch.randint(0, T, (2, A, 8, 8)), features)
    assert total.dtype == torch.float32
    total.backward()
    for parameter in (*network.parameters(), *to_classes.parameters(), *annotators.parameters()):
        assert parameter.grad is not None and parameter.grad.abs().max() > 0


def test_shapes_that_do_not_fit_are_refused() -> None:
    annotators = AnnotatorLikelihoodLoss(GlobalConfusion(A, T), "best_truth")
    with pytest.raises(Refused, match=r"classes of logits: expected 2, got 5 \(AnnotatorLikelihoodLoss\)"):
        annotators(torch.randn(2, 5, 4, 4), torch.zeros(2, A, 4, 4).long())
    with pytest.raises(Refused, match=r"shape of labels: expected \(2, 3, 4, 4\), got \(2, 1, 4, 4\)"):
        annotators(torch.randn(2, T, 4, 4), torch.zeros(2, 1, 4, 4).long())
