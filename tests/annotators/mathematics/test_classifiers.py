"""A classifier that nobody trains: its rows are orthogonal, stay, and see the direction of the features alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from scipy.linalg import hadamard

from medseg.annotators.mathematics.classifiers import HadamardClassifier
from medseg.annotators.mathematics.model import TrueLabelNetwork, classifier_complaints
from medseg.annotators.mathematics.settings import NetworkConfig
from medseg.contracts import Refused
from medseg.training.checkpoint import load_model, save_weights

F, T = 8, 3


@pytest.mark.parametrize("order", [1, 2, 16])
def test_the_rows_are_those_of_a_hadamard_matrix(order: int) -> None:
    rows = HadamardClassifier(order, order).rows
    torch.testing.assert_close(rows, torch.from_numpy(hadamard(order)).float())
    torch.testing.assert_close(rows @ rows.T, order * torch.eye(order))


@pytest.mark.parametrize("space", [(5, 5), (3, 3, 3)])
def test_logits_see_the_direction_of_the_features_alone(space: tuple[int, ...]) -> None:
    classifier = HadamardClassifier(F, T)
    features = torch.randn(2, F, *space)
    logits = classifier(features)
    assert logits.shape == (2, T, *space)
    torch.testing.assert_close(classifier(features * torch.rand(2, 1, *space).add(0.1) * 9), logits)
    along = classifier.rows[1].view(1, F, *(1,) * len(space)).expand(1, F, *space)
    expected = torch.tensor([0.0, F**0.5 * T**-0.5, 0.0])  # alpha |H[1]| for its own class, none for the others
    torch.testing.assert_close(classifier(along).flatten(2).mean(dim=2)[0], expected)
    assert torch.equal(classifier(torch.zeros(1, F, *space)), torch.zeros(1, T, *space))


def test_scale_and_bias_learn_and_the_rows_do_not() -> None:
    classifier = HadamardClassifier(F, T)
    assert {name for name, _ in classifier.named_parameters()} == {"scale", "bias"}
    before = classifier.rows.clone()
    optimizer = torch.optim.SGD(classifier.parameters(), lr=1.0)
    classifier(torch.randn(2, F, 4, 4)).log_softmax(dim=1)[:, 1].mean().neg().backward()
    optimizer.step()
    assert torch.equal(classifier.rows, before)
    assert classifier.bias[1] > 0 and classifier.scale != T**-0.5


def test_a_checkpoint_brings_rows_and_scale(tmp_path: Path) -> None:
    config = NetworkConfig(channels=(4, 8), features=F, classifier="hadamard")
    torch.manual_seed(0)
    network, image = TrueLabelNetwork(config, 1, T, size=(16, 16)).eval(), torch.randn(1, 1, 16, 16)
    save_weights(tmp_path / "weights.pt", network)
    torch.manual_seed(1)
    again = TrueLabelNetwork(config, 1, T, size=(16, 16)).eval()
    assert not torch.allclose(again(image).log_probs, network(image).log_probs)
    load_model(again, tmp_path / "weights.pt")
    assert torch.equal(again(image).log_probs, network(image).log_probs)


def test_more_classes_than_features_are_refused_in_a_sentence() -> None:
    config = NetworkConfig(features=4, classifier="hadamard")
    sentence = "network.features: expected 5 at least, as many as classes, for classifier hadamard, got 4 (config)"
    assert classifier_complaints(config, 5) == [sentence]
    assert classifier_complaints(config, 4) == classifier_complaints(NetworkConfig(features=4), 5) == []
    with pytest.raises(Refused) as refused:
        TrueLabelNetwork(config, 1, 5, size=(16, 16))
    assert refused.value.complaints == (sentence,)
    with pytest.raises(ValueError, match="features: expected a power of two, 3 at least, got 6"):
        HadamardClassifier(6, 3)
