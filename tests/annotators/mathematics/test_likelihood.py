"""The definition against sums written out voxel by voxel, the tiled version against both, in double precision."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from medseg.annotators.mathematics import bayes
from medseg.annotators.mathematics.likelihood import (
    ConfusionLogits,
    Likelihood,
    LikelihoodTerms,
    likelihood_terms,
)
from medseg.annotators.mathematics.tiled_likelihood import tiled_likelihood_terms
from medseg.contracts import UNLABELLED

LIKELIHOODS: tuple[Likelihood, ...] = ("per_annotator", "shared_truth", "best_truth")
BATCH, ANNOTATORS, CLASSES, FEATURES, VOXELS = 2, 3, 4, 2, 7


def random(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + len(shape))
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def incomplete_labels() -> Tensor:
    """Annotator 1 did not see case 0, nobody saw voxel 3 of case 1, and single voxels are missing."""
    generator = torch.Generator().manual_seed(5)
    labels = torch.randint(UNLABELLED, CLASSES, (BATCH, ANNOTATORS, VOXELS), generator=generator)
    labels[0, 1] = UNLABELLED
    labels[1, :, 3] = UNLABELLED
    return labels


def by_the_book(probs: Tensor, confusion: Tensor, labels: Tensor, likelihood: Likelihood) -> Tensor:
    """nll (B,) from probabilities p (B,T,N) and C (B,A,O,T,N), one product at a time (no logarithms inside)."""
    batch, annotators, voxels = labels.shape
    pairs = [sum(label != UNLABELLED for label in labels[b].flatten().tolist()) for b in range(batch)]
    nll = [probs.new_zeros(()) for _ in range(batch)]
    for b, n in product(range(batch), range(voxels)):
        present = [a for a in range(annotators) if labels[b, a, n] != UNLABELLED]
        rows = [confusion[b, a, labels[b, a, n], :, n] for a in present]
        if likelihood == "per_annotator":
            nll[b] = nll[b] - sum(torch.log((row * probs[b, :, n]).sum()) for row in rows) / pairs[b]
        elif rows:
            joint = torch.stack(rows).prod(dim=0) * probs[b, :, n]
            nll[b] = nll[b] - torch.log(joint.sum() if likelihood == "shared_truth" else joint.max()) / pairs[b]
    return torch.stack(nll)


def pixel_confusion(weights: Tensor, features: Tensor) -> Tensor:
    """C (B,A,O,T,N) by exponentials."""
    powers = (torch.einsum("aotf,bfn->baotn", weights[..., :-1], features) + weights[..., -1:]).exp()
    return powers / powers.sum(dim=2, keepdim=True)


@pytest.fixture(autouse=True)
def several_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven voxels in tiles of three: the last one is not full."""
    monkeypatch.setitem(bayes.TILE_NUMBERS, "cpu", 3 * ANNOTATORS * CLASSES * CLASSES)


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    log_probs = random(BATCH, CLASSES, VOXELS).log_softmax(dim=1).requires_grad_()
    weights = random(ANNOTATORS, CLASSES, CLASSES, FEATURES + 1).requires_grad_()
    return log_probs, weights, random(BATCH, FEATURES, VOXELS).requires_grad_()


def pixel_logits(weights: Tensor, features: Tensor) -> ConfusionLogits:
    """Weight (A,O,T,F) and bias (A,O,T) side by side in one tensor."""
    return ConfusionLogits(weight=weights[..., :-1], bias=weights[..., -1], features=features)


def gradients(value: Tensor, *of: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(value, of)


def assert_equal(ours: Any, theirs: Any) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


KERNELS: tuple[Callable[..., LikelihoodTerms], ...] = (likelihood_terms, tiled_likelihood_terms)


def test_one_voxel_by_hand() -> None:
    """p = (.75, .25); a writes 1 with C[1,:] = (.2, .9), b writes 0 with C[0,:] = (.6, .5)."""
    log_probs = torch.tensor([[[0.75], [0.25]]], dtype=torch.float64).log()
    confusion = torch.tensor([[[0.8, 0.1], [0.2, 0.9]], [[0.6, 0.5], [0.4, 0.5]]], dtype=torch.float64)
    labels, logits = torch.tensor([[[1], [0]]]), ConfusionLogits.constant(confusion.log())
    nll = {name: likelihood_terms(log_probs, logits, labels, name).nll.item() for name in LIKELIHOODS}
    assert nll["per_annotator"] == pytest.approx(-torch.tensor(0.375 * 0.575).log().item() / 2)  # two annotators
    assert nll["shared_truth"] == pytest.approx(-torch.tensor(0.75 * 0.2 * 0.6 + 0.25 * 0.9 * 0.5).log().item() / 2)
    assert nll["best_truth"] == pytest.approx(-torch.tensor(0.25 * 0.9 * 0.5).log().item() / 2)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_global_value_and_gradients(likelihood: Likelihood) -> None:
    log_probs, weights, _ = inputs()
    bias, labels = weights[..., -1], incomplete_labels()
    terms = likelihood_terms(log_probs, ConfusionLogits.constant(bias), labels, likelihood, trace_moves=True)
    confusion = bias.softmax(dim=1)
    full = confusion[None, ..., None].expand(BATCH, -1, -1, -1, VOXELS)
    expected = by_the_book(log_probs.exp(), full, labels, likelihood)
    assert_equal((terms.nll, terms.mean_confusion), (expected, confusion))
    expected_trace = torch.einsum("att->", confusion) / (ANNOTATORS * CLASSES)
    assert_equal(terms.trace, expected_trace)
    upstream = torch.tensor([1.0, -3.0], dtype=torch.float64)
    ours = gradients((upstream * terms.nll).sum() + 2 * terms.trace, log_probs, weights)
    assert_equal(ours, gradients((upstream * expected).sum() + 2 * expected_trace, log_probs, weights))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_pixel_value_and_gradients(likelihood: Likelihood, kernel: Callable[..., LikelihoodTerms]) -> None:
    log_probs, weights, features = inputs()
    labels = incomplete_labels()
    terms = kernel(log_probs, pixel_logits(weights, features), labels, likelihood, trace_moves=True)
    confusion = pixel_confusion(weights, features)
    expected = by_the_book(log_probs.exp(), confusion, labels, likelihood)
    seen = (labels != UNLABELLED).any(dim=1).double()
    traces = torch.einsum("battn,bn->b", confusion, seen) / (ANNOTATORS * CLASSES * seen.sum(dim=1))
    expected_trace = traces.mean()
    assert_equal((terms.nll, terms.trace), (expected, expected_trace))
    shares = seen / seen.sum(dim=1, keepdim=True) / BATCH
    assert_equal(terms.mean_confusion, torch.einsum("baotn,bn->aot", confusion, shares))
    upstream = random(2, BATCH)
    ours = gradients((upstream[0] * terms.nll).sum() + upstream[1, 0] * terms.trace, log_probs, weights, features)
    theirs = (upstream[0] * expected).sum() + upstream[1, 0] * expected_trace
    assert_equal(ours, gradients(theirs, log_probs, weights, features))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_pixel_gradients_by_finite_differences(likelihood: Likelihood) -> None:
    labels = incomplete_labels()

    def both(log_probs: Tensor, weights: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        logits = pixel_logits(weights, features)
        terms = tiled_likelihood_terms(log_probs, logits, labels, likelihood, trace_moves=True)
        return terms.nll, terms.trace

    assert gradcheck(both, inputs())


def test_of_classes_equally_probable_the_first_takes_the_voxel_in_both() -> None:
    log_probs = torch.full((1, CLASSES, 1), 1 / CLASSES).log()
    weights, features = torch.zeros(ANNOTATORS, CLASSES, CLASSES, FEATURES + 1), torch.zeros(1, FEATURES, 1)
    for kernel in KERNELS:
        moved = log_probs.clone().requires_grad_()
        terms = kernel(moved, pixel_logits(weights, features), torch.ones(1, 3, 1).long(), "best_truth")
        (gradient,) = gradients(terms.nll.sum(), moved)
        assert gradient.flatten().tolist() == pytest.approx([-1 / ANNOTATORS, 0, 0, 0])


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_voxel_that_nobody_labelled_costs_and_moves_nothing(likelihood: Likelihood) -> None:
    log_probs, weights, features = inputs()
    labels = torch.full((BATCH, ANNOTATORS, VOXELS), UNLABELLED)
    nll = tiled_likelihood_terms(log_probs, pixel_logits(weights, features), labels, likelihood).nll
    whole = likelihood_terms(log_probs, ConfusionLogits.constant(weights[..., -1]), labels, likelihood).nll
    assert torch.equal(nll, torch.zeros(BATCH)) and torch.equal(whole, torch.zeros(BATCH))
    for gradient in gradients((nll + whole).sum(), log_probs, weights, features):
        assert torch.count_nonzero(gradient) == 0


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_single_precision_survives_probabilities_below_its_range(
    likelihood: Likelihood, kernel: Callable[..., LikelihoodTerms]
) -> None:
    """Logits of +-60 and log p of -150: exp(-120) and exp(-150) are 0 in single precision."""
    weights = 60 * random(ANNOTATORS, CLASSES, CLASSES, FEATURES + 1).sign()
    features, labels = torch.zeros(BATCH, FEATURES, VOXELS, dtype=torch.float64), incomplete_labels()
    log_probs = (150 * random(BATCH, CLASSES, VOXELS).sign()).log_softmax(dim=1)
    exact = [tensor.requires_grad_() for tensor in (log_probs, weights, features)]
    single = [tensor.detach().float().requires_grad_() for tensor in exact]
    expected = by_the_book(log_probs.exp(), pixel_confusion(weights, features), labels, likelihood)
    nll = kernel(single[0], pixel_logits(*single[1:]), labels, likelihood).nll
    assert expected.isfinite().all() and expected.max() > 30
    torch.testing.assert_close(nll.double(), expected, rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(gradients(nll.sum(), *single), gradients(expected.sum(), *exact), strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-5)


def test_without_differentiation_the_values_are_the_same() -> None:
    log_probs, weights, features = inputs()
    given = log_probs, pixel_logits(weights, features), incomplete_labels(), "shared_truth"
    moved = tiled_likelihood_terms(*given, trace_moves=True)
    with torch.no_grad():
        still = tiled_likelihood_terms(*given)
    assert_equal((still.nll, still.trace, still.mean_confusion), (moved.nll, moved.trace, moved.mean_confusion))
    assert not still.nll.requires_grad
