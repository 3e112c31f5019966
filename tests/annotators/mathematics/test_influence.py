"""Gradients and Hessian of the last layer against torch's own; weights that rise where a case helps."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.functional import hessian

from medseg.annotators.mathematics.influence import DAMPING, influence, last_layer_gradients, last_layer_hessian
from medseg.annotators.mathematics.trunks import TruthOutput
from medseg.annotators.mathematics.weighing import WeighedCases

B, T, F, N = 2, 3, 4, 5


def cases() -> tuple[Tensor, Tensor, Tensor]:
    """features (B,F,N), weights of the last layer and its bias (T,F+1)."""
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(B, F, N, generator=generator),
        torch.randn(T, F + 1, generator=generator),
        torch.rand(B, N, generator=generator),
    )


def log_probs(features: Tensor, layer: Tensor) -> Tensor:
    seen = torch.cat([features, torch.ones(B, 1, N)], dim=1)
    return torch.einsum("tf,bfn->btn", layer, seen).log_softmax(dim=1)


def test_they_are_those_of_the_cross_entropy_by_the_last_layer() -> None:
    features, layer, weights = cases()
    target = torch.rand(B, T, N).softmax(dim=1)

    def loss(layer: Tensor, case: int) -> Tensor:
        entropy = -(target * log_probs(features, layer)).sum(dim=1)[case]
        return (entropy * weights[case]).sum() / weights[case].sum()

    truth = TruthOutput(log_probs=log_probs(features, layer), features=features)
    for case, found in enumerate(last_layer_gradients(truth, target, weights)):
        moving = layer.clone().requires_grad_()
        (expected,) = torch.autograd.grad(loss(moving, case), moving)
        torch.testing.assert_close(found, expected.flatten())
    of_both = sum(hessian(lambda layer, case=case: loss(layer, case), layer) for case in range(B)) / B  # type: ignore
    torch.testing.assert_close(
        last_layer_hessian(truth, weights), of_both.view(T * (F + 1), T * (F + 1)), atol=1e-5, rtol=1e-4
    )


def test_a_case_that_pulls_as_the_held_out_ones_helps_and_its_opposite_harms() -> None:
    held_out = torch.tensor([1.0, -2.0, 0.5])
    across = torch.tensor([2.0, 1.0, 0.0])
    found = influence(held_out, torch.stack([held_out, -held_out, across]), torch.eye(3))
    torch.testing.assert_close(found, torch.tensor([5.25, -5.25, 0.0]) / (1 + DAMPING), rtol=1e-5, atol=1e-6)


def test_what_the_loss_is_steep_in_counts_less() -> None:
    curved = torch.diag(torch.tensor([10.0, 0.1]))
    steep, flat = influence(torch.ones(2), torch.eye(2), curved).tolist()
    assert 0 < 20 * steep < flat


def test_weights_move_by_influence_and_stay_between_0_and_2() -> None:
    weighing = WeighedCases(5, rate=0.1, weight=1.0)
    weighing.move(torch.tensor([1, 3, 3]), torch.tensor([7.0, -7.0, -7.0]))
    torch.testing.assert_close(weighing.weights, torch.tensor([1.0, 1.1, 1.0, 0.8, 1.0]))
    for _ in range(30):
        weighing.move(torch.tensor([1, 3]), torch.tensor([7.0, -7.0]))
    torch.testing.assert_close(weighing.weights, torch.tensor([1.0, 2.0, 1.0, 0.0, 1.0]))
    weighing.move(torch.tensor([0, 2]), torch.zeros(2))
    assert weighing.weights.isfinite().all() and weighing.weights[0] == 1
