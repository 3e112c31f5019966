"""Matrices from few numbers per annotator: where they start, what they can say, what teaches them."""

from __future__ import annotations

import torch

from medseg.annotators.mathematics.confusion import PixelConfusion
from medseg.annotators.mathematics.styles import StyleConfusion

CLASSES, FEATURES = 3, 5


def random_case(annotators: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """log_probs, labels, features."""
    torch.manual_seed(1)
    log_probs = torch.randn(2, CLASSES, 4, 6).log_softmax(dim=1)
    labels = torch.randint(0, CLASSES, (2, annotators, 4, 6))
    return log_probs, labels, torch.randn(2, FEATURES, 4, 6)


def step(head: PixelConfusion, rate: float) -> None:
    """One of gradient descent on the likelihood of all labels."""
    log_probs, labels, features = random_case(head.annotators)
    head.terms(log_probs, labels, features, likelihood="per_annotator").nll.sum().backward()
    for parameter in head.parameters():
        parameter.data -= rate * (0 if parameter.grad is None else parameter.grad)
    head.zero_grad()


def test_they_start_at_the_identity_and_everything_but_the_embedding_has_a_gradient() -> None:
    head = StyleConfusion(7, CLASSES, FEATURES, embedding=4)
    torch.testing.assert_close(
        head(torch.randn(1, FEATURES, 2, 2)), PixelConfusion(7, CLASSES, FEATURES)(torch.randn(1, FEATURES, 2, 2))
    )
    log_probs, labels, features = random_case(7)
    head.terms(log_probs, labels, features, likelihood="per_annotator").nll.sum().backward()
    moved = {name for name, each in head.named_parameters() if each.grad is not None and each.grad.abs().max() > 0}
    assert moved == {"bias", "bias_directions", "weight", "weight_directions"}
    step(head, 1.0)
    head.terms(log_probs, labels, features, likelihood="per_annotator").nll.sum().backward()
    assert head.embedding.grad is not None and head.embedding.grad.abs().max() > 0


def test_as_few_annotators_as_numbers_learn_each_by_himself() -> None:
    """With what all share held still, a step along V moves every W^(a) by the gradient of its own labels."""
    alone, shared = PixelConfusion(3, CLASSES, FEATURES), StyleConfusion(3, CLASSES, FEATURES, embedding=3)
    shared.bias.requires_grad_(False)
    shared.weight.requires_grad_(False)
    for head in (alone, shared):
        step(head, 0.5)
    torch.testing.assert_close(shared.parameters_of(), alone.parameters_of())


def test_whoever_labelled_nothing_learns_from_the_others() -> None:
    """Everybody writes class 0 whatever is there: so would the one of whom there is no label, if less surely."""
    head = StyleConfusion(6, CLASSES, FEATURES, embedding=2)
    log_probs, labels, features = random_case(6)
    whose = torch.arange(5).expand(2, -1)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.1)
    for _ in range(100):
        head.terms(log_probs, labels[:, :5] * 0, features, whose, likelihood="per_annotator").nll.sum().backward()
        optimiser.step()
        optimiser.zero_grad()
    said = head.predict(log_probs, features).annotator_probs[:, 5, 0]
    assert said.mean() > log_probs.exp()[:, 0].mean() + 0.2
