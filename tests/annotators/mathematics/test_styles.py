"""Matrices from few numbers per annotator: where they start, what they can say, what teaches them."""

from __future__ import annotations

import copy

import pytest
import torch

from medseg.annotators.mathematics.confusion import PixelConfusion
from medseg.annotators.mathematics.styles import LEFT_OUT, StyleConfusion
from medseg.contracts import Refused

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


# ------------------------------------------------------------------------------- what is said of people
def test_where_nothing_is_said_nothing_is_there_and_nothing_is_drawn() -> None:
    torch.manual_seed(3)
    head = StyleConfusion(6, CLASSES, FEATURES, embedding=2)
    begun = torch.rand(1)
    assert set(head.state_dict()) == {"embedding", "bias", "bias_directions", "weight", "weight_directions"}
    step(head.train(), 1.0)
    drawn = torch.get_rng_state()
    head.parameters_of(torch.tensor([2, 0]))
    assert torch.equal(torch.get_rng_state(), drawn)
    torch.manual_seed(3)
    StyleConfusion(6, CLASSES, FEATURES, embedding=2, said=torch.ones(6, 1))
    assert torch.equal(torch.rand(1), begun)  # whatever is made after it begins with the same weights


def test_in_training_alone_a_quarter_is_made_of_what_is_said() -> None:
    """e = own + P m with own = 1, P = (2, 3), m = -1: (-1, -2), and (-2, -3) where own is left out."""
    head = StyleConfusion(4000, CLASSES, FEATURES, embedding=2, said=torch.full((4000, 1), -1.0))
    head.embedding.data.fill_(1.0)
    head.said_weight.data = torch.tensor([[2.0], [3.0]])
    whole, left_out = torch.tensor([-1.0, -2.0]), torch.tensor([-2.0, -3.0])
    torch.testing.assert_close(head.eval().styles(), whole.expand(4000, 2))
    torch.manual_seed(0)
    styles = head.train().styles()
    out = (styles == left_out).all(dim=1)
    assert ((styles == whole).all(dim=1) | out).all()
    assert abs(out.float().mean().item() - LEFT_OUT) < 0.03  # four standard errors
    torch.manual_seed(0)
    assert torch.equal(head.styles(), styles)  # a step's seed says who


def test_a_style_that_is_told_by_what_is_said_is_told_of_one_who_was_never_seen() -> None:
    """A writes class 1 at a share s of all voxels of class 0, logit s = m: known of 24 annotators, m from -2 to 2."""
    torch.manual_seed(0)
    said = torch.linspace(-2, 2, 24)[:, None]
    head = StyleConfusion(24, 2, 1, embedding=3, said=said)
    log_probs = torch.tensor([1 - 1e-6, 1e-6]).log().view(1, 2, 1, 1).expand(1, 2, 20, 20)
    labels = (torch.rand(24, 20, 20) < said.sigmoid()[..., None]).long()[None]
    features = torch.zeros(1, 1, 20, 20)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.03)
    for _ in range(300):
        head.terms(log_probs, labels, features, likelihood="per_annotator").nll.sum().backward()
        optimiser.step()
        optimiser.zero_grad()
    before = head.eval().predict(log_probs, features).annotator_probs
    head.admit(torch.tensor([[-1.5], [1.1], [0.0]]))
    after = head.predict(log_probs, features).annotator_probs
    torch.testing.assert_close(after[:, :24], before)
    expected = torch.tensor([-1.5, 1.1, 0.0]).sigmoid()
    torch.testing.assert_close(after[0, 24:, 1, 0, 0], expected, atol=0.05, rtol=0)


def test_of_whom_nothing_is_said_he_has_the_mean_style() -> None:
    head = StyleConfusion(5, CLASSES, FEATURES, embedding=2, said=torch.randn(5, 3)).eval()
    for parameter in head.parameters():
        parameter.data = torch.randn_like(parameter)
    own, said = head.embedding.clone(), copy.deepcopy(head.said)
    head.admit(torch.zeros(1, 3))
    torch.testing.assert_close(head.styles()[5], own.mean(dim=0))
    assert head.annotators == 6 and said is not None and torch.equal(head.styles()[:5], own + said @ head.said_weight.T)


def test_nobody_is_admitted_where_nothing_is_said_or_something_else_is() -> None:
    with pytest.raises(Refused, match=r"columns: expected 0 of what is said, got 2 \(StyleConfusion\)"):
        StyleConfusion(5, CLASSES, FEATURES, embedding=2).admit(torch.zeros(1, 2))
    with pytest.raises(Refused, match=r"columns: expected 3 of what is said, got 2"):
        StyleConfusion(5, CLASSES, FEATURES, embedding=2, said=torch.zeros(5, 3)).admit(torch.zeros(1, 2))
