"""The confusion head: what must hold whatever the weights are, and sums that can be done by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from medseg.annotators import bayes
from medseg.annotators.bayes import Likelihood
from medseg.annotators.confusion import ConfusionHead
from medseg.contracts import UNLABELLED

LIKELIHOODS: tuple[Likelihood, ...] = ("per_annotator", "shared_truth")
SPACES = ((5, 6), (3, 4, 2))
BATCH, ANNOTATORS, CLASSES, FEATURES = 2, 3, 4, 5


@pytest.fixture(autouse=True)
def several_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bayes.TILE_NUMBERS, "cpu", 7 * ANNOTATORS * CLASSES * CLASSES)


def random_head(seed: int = 0) -> ConfusionHead:
    torch.manual_seed(seed)
    head = ConfusionHead(ANNOTATORS, CLASSES, FEATURES)
    assert head.weight is not None
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
    head = ConfusionHead(1, CLASSES, FEATURES)
    head.bias.data = 60 * torch.eye(CLASSES)[None]
    log_probs, labels, features = random_case(5, 6)
    labels = labels[:, :1]
    expected = cross_entropy(log_probs, labels[:, 0], ignore_index=UNLABELLED, reduction="none")
    for seen in (features, None):
        terms = head.nll(log_probs, labels, seen, likelihood)
        torch.testing.assert_close(terms.nll, expected.flatten(1).sum(dim=1) / (labels != UNLABELLED).flatten(1).sum(1))
        assert terms.trace.item() == pytest.approx(1)


def test_it_starts_at_the_identity_in_both_forms() -> None:
    """Two classes: the diagonal is 1 / (1 + exp(-6))."""
    for features in (0, FEATURES):
        matrices = ConfusionHead(2, 2, features).matrices(None)
        torch.testing.assert_close(matrices, torch.tensor([[0.99753, 0.00247], [0.00247, 0.99753]]).expand(1, 2, 2, 2))
    assert ConfusionHead(2, 2).weight is None


@pytest.mark.parametrize("space", SPACES)
def test_columns_sum_to_one(space: tuple[int, ...]) -> None:
    _, _, features = random_case(*space)
    head = random_head()
    local, whole = head.matrices(features), head.matrices(None)
    assert local.shape == (BATCH, ANNOTATORS, CLASSES, CLASSES, *space)
    torch.testing.assert_close(local.sum(dim=2), torch.ones(BATCH, ANNOTATORS, CLASSES, *space))
    torch.testing.assert_close(whole.sum(dim=2), torch.ones(1, ANNOTATORS, CLASSES))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("space", SPACES)
def test_global_is_the_pixel_form_without_weights(likelihood: Likelihood, space: tuple[int, ...]) -> None:
    log_probs, labels, features = random_case(*space)
    slopes = []
    for seen in (features, None):
        head = random_head()
        assert head.weight is not None
        head.weight.data.zero_()
        truth = log_probs.clone().requires_grad_()
        terms = head.nll(truth, labels, seen, likelihood, trace_weight=0.5)
        (terms.nll.sum() + 0.5 * terms.trace).backward()
        slopes.append((terms.nll, terms.trace, truth.grad, head.bias.grad))
    torch.testing.assert_close(*slopes)


def test_the_trace_moves_the_matrices_only_where_it_is_weighted() -> None:
    log_probs, labels, features = random_case(5, 6)
    for seen in (features, None):
        head = random_head()
        assert not head.nll(log_probs, labels, seen, "per_annotator").trace.requires_grad
        trace = head.nll(log_probs, labels, seen, "per_annotator", trace_weight=0.1).trace
        diagonal = head.matrices(seen).diagonal(dim1=2, dim2=3)
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
    head, without = random_head(), ConfusionHead(ANNOTATORS - 1, CLASSES, FEATURES)
    assert head.weight is not None
    without.load_state_dict({"bias": head.bias[[0, 2]], "weight": head.weight[[0, 2]]})
    for seen in (features, None):
        whole = head.nll(log_probs, labels, seen, likelihood).nll
        torch.testing.assert_close(whole, without.nll(log_probs, labels[:, [0, 2]], seen, likelihood).nll)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_layout_in_memory_does_not_matter(likelihood: Likelihood) -> None:
    """Channels-last features, transposed labels and expanded log_probs, as a network may hand them over."""
    head = random_head()
    log_probs, labels, features = random_case(6, 6)
    expanded = log_probs[:1].expand(BATCH, -1, -1, -1)
    last = features.to(memory_format=torch.channels_last).requires_grad_()
    transposed = labels.transpose(2, 3).contiguous().transpose(2, 3)
    assert not (expanded.is_contiguous() or last.is_contiguous() or transposed.is_contiguous())
    scattered = head.nll(expanded, transposed, last, likelihood).nll
    tidy = head.nll(expanded.contiguous(), labels, features.requires_grad_(), likelihood).nll
    torch.testing.assert_close(scattered, tidy)
    slopes = [torch.autograd.grad(nll.sum(), of) for nll, of in ((scattered, last), (tidy, features))]
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize("space", SPACES)
def test_predicted_annotators_are_matrices_times_truth(space: tuple[int, ...]) -> None:
    log_probs, _, features = random_case(*space)
    head = random_head()
    for seen in (features, None):
        prediction = head.predict(log_probs, seen)
        matrices = head.matrices(seen).flatten(4) if seen is not None else head.matrices(None)[..., None]
        full = matrices.expand(BATCH, -1, -1, -1, log_probs[0, 0].numel())
        joint = torch.einsum("baotn,btn->baotn", full, log_probs.flatten(2).exp())
        torch.testing.assert_close(prediction.annotator_probs.flatten(3), joint.sum(dim=3))
        torch.testing.assert_close(prediction.joint_probs, joint.mean(dim=-1))
        assert prediction.annotator_probs.shape == (BATCH, ANNOTATORS, CLASSES, *space)


def test_posterior_by_hand() -> None:
    """p = (.75, .25); a writes 1 with (.2, .9), b writes 0 with (.6, .5): odds .09 to .1125."""
    head = ConfusionHead(2, 2)
    head.bias.data = torch.tensor([[[0.8, 0.1], [0.2, 0.9]], [[0.6, 0.5], [0.4, 0.5]]]).log()
    log_probs = torch.tensor([0.75, 0.25]).log().view(1, 2, 1, 1).expand(1, 2, 1, 2)
    labels = torch.tensor([[[[1, UNLABELLED]], [[0, UNLABELLED]]]])
    posterior = head.posterior(log_probs, labels, None)
    torch.testing.assert_close(posterior[0, :, 0, 0], torch.tensor([0.09, 0.1125]) / 0.2025)
    torch.testing.assert_close(posterior[0, :, 0, 1], torch.tensor([0.75, 0.25]))


@pytest.mark.parametrize("space", SPACES)
def test_posterior_is_a_distribution_that_follows_the_labels(space: tuple[int, ...]) -> None:
    log_probs, labels, features = random_case(*space)
    head = random_head()
    posterior = head.posterior(log_probs, labels, features)
    torch.testing.assert_close(posterior.sum(dim=1), torch.ones(BATCH, *space))
    terms = head.nll(log_probs.requires_grad_(), labels, features, "shared_truth")
    (slope,) = torch.autograd.grad(terms.nll.sum(), log_probs)
    counted = posterior * (labels != UNLABELLED).any(dim=1, keepdim=True)
    pairs = (labels != UNLABELLED).flatten(1).sum(1).view(-1, *[1] * (log_probs.ndim - 1))
    torch.testing.assert_close(-slope * pairs, counted)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_half_precision_outside_single_precision_inside(likelihood: Likelihood) -> None:
    head = random_head()
    log_probs, labels, features = random_case(5, 6)
    expected = head.nll(log_probs, labels, features.bfloat16().float(), likelihood).nll
    halves = features.bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = head.nll(log_probs, labels, halves, likelihood)
        predicted = head.predict(log_probs, halves).annotator_probs
    assert torch.equal(predicted, head.predict(log_probs, halves.float()).annotator_probs)
    assert terms.nll.dtype == torch.float32
    assert torch.equal(terms.nll, expected)
    terms.nll.sum().backward()
    assert halves.grad is not None and halves.grad.dtype == torch.bfloat16


def test_a_rater_with_known_confusion_is_recovered() -> None:
    """10,000 labels drawn from a known matrix, truth known: the standard error of an entry is below .0065."""
    torch.manual_seed(0)
    truth = torch.randint(0, 2, (1, 100, 100))
    known = torch.tensor([[0.9, 0.3], [0.1, 0.7]])
    labels = (torch.rand(1, 100, 100) < known[1][truth]).long()[:, None]
    log_probs = torch.nn.functional.one_hot(truth, 2).movedim(-1, 1).float().clamp(1e-6).log()
    head = ConfusionHead(1, 2)
    optimiser = torch.optim.LBFGS(head.parameters(), max_iter=15, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimiser.zero_grad()
        nll = head.nll(log_probs, labels, None, "shared_truth").nll.sum()
        nll.backward()
        return nll

    optimiser.step(step)
    torch.testing.assert_close(head.matrices(None)[0, 0], known, atol=0.02, rtol=0)


def test_global_head_refuses_features() -> None:
    log_probs, labels, features = random_case(5, 6)
    with pytest.raises(AssertionError, match="a head without features has global matrices only"):
        ConfusionHead(ANNOTATORS, CLASSES).nll(log_probs, labels, features, "shared_truth")
