"""Sums that can be done by hand: identity confusion is cross-entropy; styles cannot bend the truth."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch

from medseg.annotators.mathematics.confusion import GlobalConfusion, PixelConfusion
from medseg.annotators.mathematics.model import AnnotatorModel, TrueLabelNetwork
from medseg.annotators.mathematics.objective import (
    AnnotatorLikelihood,
    consensus_cross_entropy,
    cross_entropy,
    dominance,
    style_likelihood,
)
from medseg.annotators.mathematics.settings import ConfusionConfig, NetworkConfig, StepsConfig
from medseg.annotators.mathematics.stages import RECIPES, STYLES, stages
from medseg.annotators.mathematics.trunks import ConvolutionTrunk, PointwiseTrunk, Trunk, TruthOutput
from medseg.annotators.nouns import ImageBatch
from medseg.contracts import UNLABELLED, Objective

A, T, F = 3, 2, 4
STEPS = StepsConfig(warmup=3, joint=7, styles=4)


def model(form: str = "pixel") -> AnnotatorModel:
    torch.manual_seed(0)
    network = TrueLabelNetwork(NetworkConfig(channels=(4, 8), features=F, residual_units=1), 1, T, size=(16, 16))
    if form == "global":
        return AnnotatorModel(network, A, GlobalConfusion(A, T))
    return AnnotatorModel(network, A, PixelConfusion(A, T, 6), ConvolutionTrunk(2, 1, F, T, 6))


def batch() -> ImageBatch:
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(2, 1, 8, 8, generator=generator)
    return ImageBatch(
        image=image, labels=torch.randint(0, T, (2, A, 8, 8), generator=generator), case_index=torch.arange(2)
    )


def perfect(network: AnnotatorModel) -> AnnotatorModel:
    """Matrices that are the identity to float precision."""
    assert network.confusion is not None
    network.confusion.bias.data = (60 * torch.eye(T) - 30).repeat(A, 1, 1)
    return network


@pytest.mark.parametrize("form", ["global", "pixel"])
def test_with_the_identity_the_paper_s_likelihood_is_cross_entropy(form: str) -> None:
    network, shown = perfect(model(form)), batch()
    expected = cross_entropy(network, shown).total
    found = AnnotatorLikelihood(likelihood="per_annotator", per_pixel=form == "pixel")(network, shown)
    torch.testing.assert_close(found.total, expected, rtol=1e-5, atol=1e-6)


def test_cross_entropy_to_all_labels_is_cross_entropy_to_their_mean() -> None:
    network, shown = model(), batch()
    mean = torch.nn.functional.one_hot(shown.labels, T).float().mean(1).permute(0, 3, 1, 2)
    log_probs = network(shown.image).log_probs
    by_hand = -torch.einsum("btyx,btyx->byx", mean, log_probs).mean()
    torch.testing.assert_close(cross_entropy(network, shown).total, by_hand)


def test_absent_annotators_and_padding_count_for_nothing() -> None:
    network, shown = model(), batch()
    alone = ImageBatch(image=shown.image, labels=shown.labels[:, :1], case_index=shown.case_index)
    absent = shown.labels.clone()
    absent[:, 1:] = UNLABELLED
    missing = ImageBatch(image=shown.image, labels=absent, case_index=shown.case_index)
    torch.testing.assert_close(cross_entropy(network, missing).total, cross_entropy(network, alone).total)
    nobody = ImageBatch(image=shown.image, labels=torch.full_like(absent, UNLABELLED), case_index=shown.case_index)
    for objective in (cross_entropy, style_likelihood, AnnotatorLikelihood(likelihood="shared_truth", per_pixel=True)):
        assert objective(network, nobody).total.item() == 0


@pytest.mark.parametrize(
    ("name", "form"), [("per_annotator", "global"), ("per_annotator", "pixel"), ("styles", "pixel")]
)
def test_padding_makes_the_same_labels_cost_the_same_under_every_objective(name: str, form: str) -> None:
    """At the identity, on a grid of which half is padding, and of the rest single labels are missing."""
    network, shown = perfect(model(form)), batch()
    shown.labels[..., 4:] = UNLABELLED
    shown.labels[0, 1, :3] = UNLABELLED
    expected = cross_entropy(network, shown).total
    likelihood = AnnotatorLikelihood(likelihood="per_annotator", per_pixel=form == "pixel")
    found = style_likelihood(network, shown) if name == "styles" else likelihood(network, shown)
    torch.testing.assert_close(found.metrics["nll"], expected.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("per_pixel", [False, True])
def test_the_trace_is_that_of_labelled_voxels(per_pixel: bool) -> None:
    """Matrices far from the identity in the padding alone do not show in the trace."""
    head = PixelConfusion(1, T, 1)
    head.weight.data = -12 * torch.eye(T)[None, ..., None]
    features = torch.zeros(1, 1, 2, 4)
    features[..., 2:] = 1.0  # in the padding: swapped
    labels = torch.zeros(1, 1, 2, 4, dtype=torch.long)
    labels[..., 2:] = UNLABELLED
    log_probs = torch.full((1, T, 2, 4), 0.5).log()
    used, seen = (head, features) if per_pixel else (head.without_features(), None)
    found = used.terms(log_probs, labels, seen, likelihood="per_annotator").trace
    assert found.item() == pytest.approx(1 / (1 + math.exp(-6)), rel=1e-6)


def test_one_truth_must_explain_labels_that_disagree() -> None:
    """Two certain annotators who contradict each other: shared truth pays for one error, in full."""
    network, shown = perfect(model("global")), batch()
    assert network.confusion is not None
    network.confusion.bias.data = torch.log(torch.tensor([[0.9, 0.1], [0.1, 0.9]])).repeat(A, 1, 1)
    shown.labels[:, 0], shown.labels[:, 1], shown.labels[:, 2] = 0, 1, UNLABELLED
    found = AnnotatorLikelihood(likelihood="shared_truth", per_pixel=False)(network, shown)
    assert math.isclose(2 * found.total.item(), -math.log(0.9 * 0.1), rel_tol=1e-5)  # 2 annotators present


@pytest.mark.parametrize("pointwise", [False, True])
def test_styles_give_the_truth_no_gradient_and_their_matrices_one(pointwise: bool) -> None:
    network, shown = (fused_model() if pointwise else model()).train(), batch()
    style_likelihood(network, shown).total.backward()
    assert all(weight.grad is None for weight in network.network.parameters())
    assert network.confusion is not None
    moved = [weight.grad for weight in network.confusion.parameters()]
    assert moved and all(grad is not None and grad.abs().sum() > 0 for grad in moved)


def test_the_trace_is_minimised_with_a_plus_sign() -> None:
    network, shown = perfect(model("global")), batch()
    plain = AnnotatorLikelihood(likelihood="per_annotator", per_pixel=False)(network, shown)
    traced = AnnotatorLikelihood(likelihood="per_annotator", per_pixel=False, trace_weight=0.5)(network, shown)
    assert math.isclose(traced.total.item() - plain.total.item(), 0.5, rel_tol=1e-4)  # mean C[t,t] of I is 1
    assert math.isclose(traced.metrics["trace"].item(), 1.0, rel_tol=1e-4)


def test_dominance_is_the_margin_of_the_diagonal() -> None:
    confusion = torch.tensor([[[0.9, 0.4], [0.1, 0.6]]])
    assert math.isclose(dominance(confusion).item(), 0.2, rel_tol=1e-5)
    swapped = torch.tensor([[[0.1, 0.9], [0.9, 0.1]]])
    assert math.isclose(dominance(swapped).item(), -0.8, rel_tol=1e-5)


class Ones(Trunk):
    """A trunk whose one feature is 1 everywhere."""

    def forward(self, image: torch.Tensor, truth: TruthOutput) -> torch.Tensor:
        return torch.ones_like(truth.features[:, :1])


@pytest.mark.parametrize(
    "objective", [style_likelihood, AnnotatorLikelihood(likelihood="shared_truth", per_pixel=True)]
)
def test_the_logged_dominance_is_that_of_the_batch_s_own_matrices(objective: Objective) -> None:
    """The bias says identity, the features swap the classes: 2 / (1 + exp(6)) - 1 = -.995."""
    network = AnnotatorModel(model().network, A, PixelConfusion(A, T, 1), Ones())
    assert isinstance(network.confusion, PixelConfusion)
    network.confusion.weight.data = -12 * torch.eye(T)[None, ..., None].repeat(A, 1, 1, 1)
    found = objective(network, batch()).metrics
    assert found["dominance"].item() == pytest.approx(2 / (1 + math.exp(6)) - 1, rel=1e-5)
    assert found["trace"].item() == pytest.approx(1 / (1 + math.exp(6)), rel=1e-4)


def test_what_a_baseline_says_of_an_annotator_is_the_truth() -> None:
    torch.manual_seed(0)
    network = AnnotatorModel(
        TrueLabelNetwork(NetworkConfig(channels=(4, 8), features=F), 1, T, size=(16, 16)), A
    ).eval()
    said = network.believe(torch.randn(1, 1, 8, 8))
    torch.testing.assert_close(said.annotator_probs[0, 2], said.truth_probs[0])
    torch.testing.assert_close(said.joint_probs.sum((2, 3)), torch.ones(1, A))
    assert said.joint_probs[0, 0, 0, 1] == 0


def test_beliefs_sum_to_one() -> None:
    network = model().eval()
    said = network.believe(torch.randn(2, 1, 8, 8))
    torch.testing.assert_close(said.annotator_probs.sum(2), torch.ones(2, A, 8, 8))
    torch.testing.assert_close(said.joint_probs.sum(2).sum(2), torch.ones(2, A))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_the_same_budget_for_its_truth(name: str) -> None:
    rows = stages(name, steps=STEPS, steps_per_epoch=4, confusion=ConfusionConfig(), learning_rate=1e-3)
    assert sum(stage.epochs for stage in rows if stage.name != STYLES) == 2.5


@pytest.mark.parametrize("name", ["fused", "anchored"])
def test_styles_are_learned_last_of_a_truth_that_is_held(name: str) -> None:
    shown = {"steps": STEPS, "steps_per_epoch": 4, "confusion": ConfusionConfig(lr_factor=7), "learning_rate": 1e-3}
    truth, described = stages(name, **shown)
    assert (truth.trains, described.trains) == (("network",), ("confusion", "trunk"))
    assert (described.name, described.epochs, described.criterion) == (STYLES, 1.0, "nll")
    assert described.lr_factors == {"confusion.bias": 7}
    if name == "anchored":
        (baseline,) = stages("soft_mean", **shown)
        assert isinstance(truth.objective, partial) and isinstance(baseline.objective, partial)
        assert (truth.objective.func, truth.objective.keywords) == (
            baseline.objective.func,
            baseline.objective.keywords,
        )
        assert (truth.target, truth.criterion, truth.epochs) == (baseline.target, baseline.criterion, baseline.epochs)


def test_matrices_are_held_in_the_warm_up() -> None:
    warmup, joint = stages(
        "shared_truth_pixel", steps=STEPS, steps_per_epoch=4, confusion=ConfusionConfig(), learning_rate=1e-3
    )
    assert warmup.trains == ("network",) and joint.trains == ("",)
    assert warmup.objective == AnnotatorLikelihood(likelihood="shared_truth", per_pixel=False)
    assert joint.objective == AnnotatorLikelihood(likelihood="best_truth", per_pixel=True)
    softly = ConfusionConfig(assignment="soft")
    _, soft = stages("shared_truth_global", steps=STEPS, steps_per_epoch=4, confusion=softly, learning_rate=1e-3)
    assert soft.objective == AnnotatorLikelihood(likelihood="shared_truth", per_pixel=False)


def fused_model() -> AnnotatorModel:
    torch.manual_seed(0)
    network = TrueLabelNetwork(NetworkConfig(channels=(4, 8), features=F, residual_units=1), 1, T, size=(16, 16))
    return AnnotatorModel(network, A, PixelConfusion(A, T, 6), PointwiseTrunk(1, F, T, 6))


def consensus_batch() -> ImageBatch:
    """A batch with a consensus that is no annotator's, and a strip of it that nobody labelled."""
    shown = batch()
    shown.labels[..., 6:] = UNLABELLED
    foreground = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    shown.consensus = torch.cat([1 - foreground, foreground], dim=1)
    shown.consensus[..., 6:] = 0
    return shown


@pytest.mark.parametrize("training", [True, False])
def test_the_fused_truth_learns_from_the_consensus_alone(training: bool) -> None:
    """The gradient of the truth network is that of the cross-entropy to p(t | all labels)."""
    network, shown = fused_model().train(training), consensus_batch()
    assert shown.consensus is not None
    consensus_cross_entropy(network, shown).total.backward()
    found = [weight.grad for weight in network.network.parameters()]
    network.zero_grad(set_to_none=True)
    log_probs = network(shown.image).log_probs
    (-(shown.consensus * log_probs).sum(dim=1)[..., :6].mean()).backward()
    for mine, weight in zip(found, network.network.parameters(), strict=True):
        assert mine is not None
        torch.testing.assert_close(mine, weight.grad)


def test_the_styles_of_the_fused_recipe_are_judged_on_all_voxels() -> None:
    network, shown = fused_model().eval(), consensus_batch()
    twice = [style_likelihood(network, shown).metrics["nll"] for _ in range(2)]
    assert twice[0] == twice[1]  # nothing is drawn


def test_a_batch_that_nobody_labelled_costs_nothing() -> None:
    network, shown = fused_model().train(), consensus_batch()
    shown.labels.fill_(UNLABELLED)
    assert shown.consensus is not None
    shown.consensus.zero_()
    assert consensus_cross_entropy(network, shown).total.item() == 0
    assert style_likelihood(network, shown).total.item() == 0
