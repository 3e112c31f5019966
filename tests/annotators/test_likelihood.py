"""The kernels against sums written out voxel by voxel, in double precision."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from medseg.annotators import bayes
from medseg.annotators.bayes import Likelihood
from medseg.annotators.likelihood import GlobalLikelihood, LocalLikelihood, LogitMap
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


def local_confusion(logit_map: Tensor, features: Tensor) -> Tensor:
    """C (B,A,O,T,N) from the definition."""
    logits = torch.einsum("aotf,bfn->baotn", logit_map[..., :-1], features) + logit_map[..., -1:]
    return logits.softmax(dim=2)


@pytest.fixture(autouse=True)
def several_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven voxels in tiles of three: the last one is not full."""
    monkeypatch.setitem(bayes.TILE_NUMBERS, "cpu", 3 * ANNOTATORS * CLASSES * CLASSES)


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    log_probs = random(BATCH, CLASSES, VOXELS).log_softmax(dim=1).requires_grad_()
    logit_map = random(ANNOTATORS, CLASSES, CLASSES, FEATURES + 1).requires_grad_()
    return log_probs, logit_map, random(BATCH, FEATURES, VOXELS).requires_grad_()


def local(log_probs: Tensor, logit_map: Tensor, *others: Any) -> tuple[Tensor, Tensor, Tensor]:
    """The kernel, with weight (A,O,T,F) and bias (A,O,T) side by side in one tensor."""
    relative = LogitMap.of(logit_map[..., :-1], logit_map[..., -1])
    return LocalLikelihood.apply(log_probs, relative.weight, relative.bias, *others)


def gradients(value: Tensor, *of: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(value, of)


def assert_equal(ours: Any, theirs: Any) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_one_voxel_by_hand() -> None:
    """p = (.75, .25); a writes 1 with C[1,:] = (.2, .9), b writes 0 with C[0,:] = (.6, .5)."""
    log_probs = torch.tensor([[[0.75], [0.25]]], dtype=torch.float64).log()
    confusion = torch.tensor([[[0.8, 0.1], [0.2, 0.9]], [[0.6, 0.5], [0.4, 0.5]]], dtype=torch.float64)
    labels = torch.tensor([[[1], [0]]])
    private = GlobalLikelihood.apply(log_probs, confusion.log(), labels, "per_annotator", False)
    shared = GlobalLikelihood.apply(log_probs, confusion.log(), labels, "shared_truth", False)
    assert private.item() == pytest.approx(-torch.tensor(0.375 * 0.575).log().item() / 2)  # two annotators
    assert shared.item() == pytest.approx(-torch.tensor(0.75 * 0.2 * 0.6 + 0.25 * 0.9 * 0.5).log().item() / 2)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_global_value_and_gradients(likelihood: Likelihood) -> None:
    log_probs, logit_map, _ = inputs()
    log_confusion = logit_map[..., -1].log_softmax(dim=1)
    nll = GlobalLikelihood.apply(log_probs, log_confusion, incomplete_labels(), likelihood, True)
    full = log_confusion.exp()[None, ..., None].expand(BATCH, -1, -1, -1, VOXELS)
    expected = by_the_book(log_probs.exp(), full, incomplete_labels(), likelihood)
    assert_equal(nll, expected)
    upstream = torch.tensor([1.0, -3.0], dtype=torch.float64)
    ours = gradients((upstream * nll).sum(), log_probs, log_confusion)
    assert_equal(ours, gradients((upstream * expected).sum(), log_probs, log_confusion))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_local_value_and_gradients(likelihood: Likelihood) -> None:
    log_probs, logit_map, features = inputs()
    labels = incomplete_labels()
    nll, trace, mean_confusion = local(log_probs, logit_map, features, labels, likelihood, True, True)
    confusion = local_confusion(logit_map, features)
    expected = by_the_book(log_probs.exp(), confusion, labels, likelihood)
    seen = (labels != UNLABELLED).any(dim=1).double()
    traces = torch.einsum("battn,bn->b", confusion, seen) / (ANNOTATORS * CLASSES * seen.sum(dim=1))
    expected_trace = traces.mean()
    assert_equal((nll, trace), (expected, expected_trace))
    shares = seen / seen.sum(dim=1, keepdim=True) / BATCH
    assert_equal(mean_confusion, torch.einsum("baotn,bn->aot", confusion, shares))
    upstream = random(2, BATCH)
    ours = gradients((upstream[0] * nll).sum() + upstream[1, 0] * trace, log_probs, logit_map, features)
    theirs = (upstream[0] * expected).sum() + upstream[1, 0] * expected_trace
    assert_equal(ours, gradients(theirs, log_probs, logit_map, features))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_local_gradients_by_finite_differences(likelihood: Likelihood) -> None:
    labels = incomplete_labels()

    def terms(*tensors: Tensor) -> tuple[Tensor, Tensor]:
        return local(*tensors, labels, likelihood, True, True)[:2]

    assert gradcheck(terms, inputs())


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_voxel_that_nobody_labelled_costs_and_moves_nothing(likelihood: Likelihood) -> None:
    log_probs, logit_map, features = inputs()
    labels = torch.full((BATCH, ANNOTATORS, VOXELS), UNLABELLED)
    nll, _, _ = local(log_probs, logit_map, features, labels, likelihood, True, False)
    whole = GlobalLikelihood.apply(log_probs, logit_map[..., -1].log_softmax(1), labels, likelihood, True)
    assert torch.equal(nll, torch.zeros(BATCH)) and torch.equal(whole, torch.zeros(BATCH))
    for slope in gradients((nll + whole).sum(), log_probs, logit_map, features):
        assert torch.count_nonzero(slope) == 0


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_single_precision_survives_probabilities_below_its_range(likelihood: Likelihood) -> None:
    """Logits of +-60 and log p of -150: exp(-120) and exp(-150) are 0 in single precision."""
    logit_map = 60 * random(ANNOTATORS, CLASSES, CLASSES, FEATURES + 1).sign()
    features, labels = torch.zeros(BATCH, FEATURES, VOXELS, dtype=torch.float64), incomplete_labels()
    log_probs = (150 * random(BATCH, CLASSES, VOXELS).sign()).log_softmax(dim=1)
    exact = [tensor.requires_grad_() for tensor in (log_probs, logit_map, features)]
    single = [tensor.detach().float().requires_grad_() for tensor in exact]
    expected = by_the_book(log_probs.exp(), local_confusion(logit_map, features), labels, likelihood)
    nll, _, _ = local(*single, labels, likelihood, True, False)
    assert expected.isfinite().all() and expected.max() > 30
    torch.testing.assert_close(nll.double(), expected, rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(gradients(nll.sum(), *single), gradients(expected.sum(), *exact), strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-5)


def test_without_differentiation_the_values_are_the_same() -> None:
    log_probs, logit_map, features = inputs()
    given = log_probs, logit_map, features, incomplete_labels(), "shared_truth"
    with torch.no_grad():
        assert_equal(local(*given, False, False), local(*given, True, True))
