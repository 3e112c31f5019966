"""The confusion head: what must hold whatever the weights are, and sums that can be done by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from medseg.annotators.mathematics import bayes
from medseg.annotators.mathematics.confusion import Confusion, GlobalConfusion, PixelConfusion
from medseg.annotators.mathematics.likelihood import Likelihood
from medseg.contracts import UNLABELLED, Refused

LIKELIHOODS: tuple[Likelihood, ...] = ("per_annotator", "shared_truth")
SPACES = ((5, 6), (3, 4, 2))
BATCH, ANNOTATORS, CLASSES, FEATURES = 2, 3, 4, 5


@pytest.fixture(autouse=True)
def several_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bayes.TILE_NUMBERS, "cpu", 7 * ANNOTATORS * CLASSES * CLASSES)


def forms(head: PixelConfusion, features: Tensor) -> list[tuple[Confusion, Tensor | None]]:
    """A matrix per voxel, and with the same bias one per annotator."""
    return [(head, features), (head.without_features(), None)]


def random_head(seed: int = 0) -> PixelConfusion:
    torch.manual_seed(seed)
    head = PixelConfusion(ANNOTATORS, CLASSES, FEATURES)
    torch.nn.init.normal_(head.weight)
    torch.nn.init.normal_(head.bias)
    return head


def random_case(*space: int) -> tuple[Tensor, Tensor, Tensor]:
    """log_probs, labels (some missing), features."""
    torch.manual_seed(1)
    log_probs = torch.randn(BATCH, CLASSES, *space).log_softmax(dim=1)
    labels = torch.randint(UNLABELLED, CLASSES, (BATCH, ANNOTATORS, *space))
    return log_probs, labels, torch.randn(BATCH, FEATURES, *space)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_identity_confusion_is_cross_entropy(likelihood: Likelihood) -> None:
    """One annotator who never errs: the head adds nothing to -log p[y], padding left out."""
    head = PixelConfusion(1, CLASSES, FEATURES)
    head.bias.data = 60 * torch.eye(CLASSES)[None]
    log_probs, labels, features = random_case(5, 6)
    labels = labels[:, :1]
    expected = cross_entropy(log_probs, labels[:, 0], ignore_index=UNLABELLED, reduction="none")
    for form, seen in forms(head, features):
        terms = form.terms(log_probs, labels, seen, likelihood=likelihood)
        torch.testing.assert_close(terms.nll, expected.flatten(1).sum(dim=1) / (labels != UNLABELLED).flatten(1).sum(1))
        assert terms.trace.item() == pytest.approx(1)


def test_it_starts_at_the_identity_in_both_forms() -> None:
    """Two classes: the diagonal is 1 / (1 + exp(-6))."""
    start = torch.tensor([[0.99753, 0.00247], [0.00247, 0.99753]])
    torch.testing.assert_close(GlobalConfusion(2, 2)(), start.expand(1, 2, 2, 2))
    pixel = PixelConfusion(2, 2, FEATURES)
    torch.testing.assert_close(pixel.without_features()(), start.expand(1, 2, 2, 2))
    everywhere = pixel(torch.randn(1, FEATURES, 3, 3)).movedim((2, 3), (-2, -1))
    torch.testing.assert_close(everywhere, start.expand(1, 2, 3, 3, 2, 2))
    assert [name for name, _ in GlobalConfusion(2, 2).named_parameters()] == ["bias"]
    assert [name for name, _ in pixel.named_parameters()] == ["bias", "weight"]


@pytest.mark.parametrize("space", SPACES)
def test_columns_sum_to_one(space: tuple[int, ...]) -> None:
    _, _, features = random_case(*space)
    head = random_head()
    per_pixel, whole = head(features), head.without_features()()
    assert per_pixel.shape == (BATCH, ANNOTATORS, CLASSES, CLASSES, *space)
    torch.testing.assert_close(per_pixel.sum(dim=2), torch.ones(BATCH, ANNOTATORS, CLASSES, *space))
    torch.testing.assert_close(whole.sum(dim=2), torch.ones(1, ANNOTATORS, CLASSES))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("space", SPACES)
def test_global_is_the_pixel_form_without_weights(likelihood: Likelihood, space: tuple[int, ...]) -> None:
    log_probs, labels, features = random_case(*space)
    gradients = []
    for number in range(2):
        head = random_head()
        head.weight.data.zero_()
        form, seen = forms(head, features)[number]
        truth = log_probs.clone().requires_grad_()
        terms = form.terms(truth, labels, seen, likelihood=likelihood, trace_moves=True)
        (terms.nll.sum() + 0.5 * terms.trace).backward()
        gradients.append((terms.nll, terms.trace, truth.grad, head.bias.grad))
    torch.testing.assert_close(*gradients)


def test_the_trace_moves_the_matrices_only_where_it_is_weighted() -> None:
    log_probs, labels, features = random_case(5, 6)
    for number in range(2):
        head = random_head()
        form, seen = forms(head, features)[number]
        assert not form.terms(log_probs, labels, seen, likelihood="per_annotator").trace.requires_grad
        trace = form.terms(log_probs, labels, seen, likelihood="per_annotator", trace_moves=True).trace
        diagonal = form(seen).detach().diagonal(dim1=2, dim2=3)
        if seen is not None:  # each sample alike, in it the voxels that somebody labelled
            labelled = (labels != UNLABELLED).any(dim=1)
            diagonal = torch.stack([one[:, mask].mean() for one, mask in zip(diagonal, labelled, strict=True)])
        torch.testing.assert_close(trace, diagonal.mean())
        trace.backward()
        assert head.bias.grad is not None and head.bias.grad.abs().max() > 0


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_an_absent_annotator_is_as_if_he_were_not_there(likelihood: Likelihood) -> None:
    log_probs, labels, features = random_case(5, 6)
    labels[:, 1] = UNLABELLED
    head, without = random_head(), PixelConfusion(ANNOTATORS - 1, CLASSES, FEATURES)
    without.load_state_dict({"bias": head.bias[[0, 2]], "weight": head.weight[[0, 2]]})
    for (one, seen), (other, _) in zip(forms(head, features), forms(without, features), strict=True):
        whole = one.terms(log_probs, labels, seen, likelihood=likelihood).nll
        alone = other.terms(log_probs, labels[:, [0, 2]], seen, likelihood=likelihood).nll
        torch.testing.assert_close(whole, alone)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("index", [[[0, 2], [0, 2]], [[2, 0], [1, 2]]], ids=["the same", "different ones"])
def test_labels_of_those_present_cost_what_they_cost_among_the_others(
    likelihood: Likelihood, index: list[list[int]]
) -> None:
    log_probs, labels, features = random_case(5, 6)
    whose, rows = torch.tensor(index), torch.arange(BATCH)[:, None]
    labels[1, 2] = UNLABELLED
    absent = torch.full_like(labels, UNLABELLED)
    absent[rows, whose] = labels[rows, whose]
    gradients = []
    for form, seen in forms(random_head(), features):
        whole = form.terms(log_probs, absent, seen, likelihood=likelihood).nll
        present = form.terms(log_probs, labels[rows, whose], seen, whose, likelihood=likelihood).nll
        torch.testing.assert_close(present, whole)
        gradients = [torch.autograd.grad(nll.sum(), [*form.parameters()]) for nll in (whole, present)]
        torch.testing.assert_close(*gradients)
        consensus = [
            form.posterior(log_probs, absent, seen),
            form.posterior(log_probs, labels[rows, whose], seen, whose),
        ]
        torch.testing.assert_close(*consensus)


def test_the_trace_of_samples_with_different_annotators_is_that_of_those_present() -> None:
    """Annotator a has C[t,t] = .9, .8, .7; the second sample has no label, the third one of 2 alone: (.85 + .7) / 2."""
    diagonal = torch.tensor([0.9, 0.8, 0.7])[:, None, None]
    head = GlobalConfusion(3, 2)
    head.bias.data = torch.where(torch.eye(2, dtype=torch.bool), diagonal, 1 - diagonal).log()
    labels = torch.zeros(3, 2, 1, 4, dtype=torch.long)
    labels[1], labels[2, 1] = UNLABELLED, UNLABELLED
    whose = torch.tensor([[0, 1], [0, 0], [2, 0]])
    found = head.terms(torch.zeros(3, 2, 1, 4), labels, None, whose, likelihood="per_annotator")
    assert found.trace.item() == pytest.approx((0.85 + 0.7) / 2)
    torch.testing.assert_close(found.mean_confusion[0].diagonal(), torch.full((2,), (0.85 + 0.7) / 2))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_layout_in_memory_does_not_matter(likelihood: Likelihood) -> None:
    """Channels-last features, transposed labels and expanded log_probs, as a network may hand them over."""
    head = random_head()
    log_probs, labels, features = random_case(6, 6)
    expanded = log_probs[:1].expand(BATCH, -1, -1, -1)
    last = features.to(memory_format=torch.channels_last).requires_grad_()
    transposed = labels.transpose(2, 3).contiguous().transpose(2, 3)
    assert not (expanded.is_contiguous() or last.is_contiguous() or transposed.is_contiguous())
    scattered = head.terms(expanded, transposed, last, likelihood=likelihood).nll
    tidy = head.terms(expanded.contiguous(), labels, features.requires_grad_(), likelihood=likelihood).nll
    torch.testing.assert_close(scattered, tidy)
    gradients = [torch.autograd.grad(nll.sum(), of) for nll, of in ((scattered, last), (tidy, features))]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("space", SPACES)
def test_predicted_annotators_are_matrices_times_truth(space: tuple[int, ...]) -> None:
    log_probs, _, features = random_case(*space)
    head = random_head()
    for form, seen in forms(head, features):
        prediction = form.predict(log_probs, seen)
        matrices = form(seen).detach().flatten(4) if seen is not None else form().detach()[..., None]
        full = matrices.expand(BATCH, -1, -1, -1, log_probs[0, 0].numel())
        joint = torch.einsum("baotn,btn->baotn", full, log_probs.flatten(2).exp())
        torch.testing.assert_close(prediction.annotator_probs.flatten(3), joint.sum(dim=3))
        torch.testing.assert_close(prediction.joint_probs, joint.mean(dim=-1))
        torch.testing.assert_close(prediction.truth_probs, log_probs.exp())
        assert prediction.annotator_probs.shape == (BATCH, ANNOTATORS, CLASSES, *space)


@pytest.mark.parametrize("space", SPACES)
def test_posterior_is_a_distribution_that_follows_the_labels(space: tuple[int, ...]) -> None:
    log_probs, labels, features = random_case(*space)
    head = random_head()
    posterior = head.posterior(log_probs, labels, features)
    torch.testing.assert_close(posterior.sum(dim=1), torch.ones(BATCH, *space))
    terms = head.terms(log_probs.requires_grad_(), labels, features, likelihood="shared_truth")
    (gradient,) = torch.autograd.grad(terms.nll.sum(), log_probs)
    counted = posterior * (labels != UNLABELLED).any(dim=1, keepdim=True)
    pairs = (labels != UNLABELLED).flatten(1).sum(1).view(-1, *[1] * (log_probs.ndim - 1))
    torch.testing.assert_close(-gradient * pairs, counted)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_half_precision_outside_single_precision_inside(likelihood: Likelihood) -> None:
    head = random_head()
    log_probs, labels, features = random_case(5, 6)
    expected = head.terms(log_probs, labels, features.bfloat16().float(), likelihood=likelihood).nll
    halves = features.bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = head.terms(log_probs, labels, halves, likelihood=likelihood)
        predicted = head.predict(log_probs, halves).annotator_probs
    assert torch.equal(predicted, head.predict(log_probs, halves.float()).annotator_probs)
    assert terms.nll.dtype == torch.float32
    assert torch.equal(terms.nll, expected)
    terms.nll.sum().backward()
    assert halves.grad is not None and halves.grad.dtype == torch.bfloat16


def test_a_head_refuses_features_that_do_not_fit() -> None:
    log_probs, labels, features = random_case(5, 6)
    with pytest.raises(Refused, match=r"features: expected none, got \(2, 5, 5, 6\) \(GlobalConfusion\)"):
        GlobalConfusion(ANNOTATORS, CLASSES).terms(log_probs, labels, features, likelihood="shared_truth")
    with pytest.raises(Refused, match=r"features: expected \(B,5,S...\), got none \(PixelConfusion\)"):
        random_head().predict(log_probs)
    with pytest.raises(Refused, match=r"features: expected \(B,5,S...\), got \(2, 2, 5, 6\) \(PixelConfusion\)"):
        random_head().posterior(log_probs, labels, features[:, :2])


def test_the_mean_over_space_follows_the_weights_of_voxels() -> None:
    """All weight on one voxel: the joint is C[o,t] p[t] there."""
    log_probs, _, features = random_case(5, 6)
    weights = torch.zeros(BATCH, 5, 6)
    weights[:, 1, 2] = 1
    for form, seen in forms(random_head(), features):
        matrices = form(seen).detach()
        there = matrices[..., 1, 2] if seen is not None else matrices
        found = form.predict(log_probs, seen, weights).joint_probs
        torch.testing.assert_close(found, there * log_probs.exp()[:, None, None, :, 1, 2])
