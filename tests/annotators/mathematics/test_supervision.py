"""The overlap term and the coarser grids, by hand."""

from __future__ import annotations

import pytest
import torch

from medseg.annotators.mathematics.supervision import (
    Supervision,
    cross_entropy_to,
    dice_semimetric,
    mean_of_labels,
    pooled,
)
from medseg.annotators.mathematics.trunks import TruthOutput


def truth(log_probs: torch.Tensor, *coarser: torch.Tensor) -> TruthOutput:
    return TruthOutput(log_probs=log_probs, features=log_probs, coarser=coarser)


def two_classes(foreground: list[list[float]]) -> torch.Tensor:
    """(1,2,1,N)."""
    p = torch.tensor(foreground)
    return torch.stack([1 - p, p])[None]


def test_of_certain_targets_it_is_one_minus_dice() -> None:
    """p = .8, .4, .2 on w = 1, 1, 0: 1 - 2 * 1.2 / (1.4 + 2)."""
    found = dice_semimetric(two_classes([[0.8, 0.4, 0.2]]).log(), two_classes([[1.0, 1.0, 0.0]]))
    assert found.item() == pytest.approx(1 - 2.4 / 3.4, abs=1e-5)


def test_in_doubt_it_is_least_where_the_truth_is_as_uncertain_as_its_target() -> None:
    """The usual soft Dice of w = .6 everywhere is least at p = 1."""
    target = two_classes([[0.6, 0.6]])
    losses = {p: dice_semimetric(two_classes([[p, p]]).log(), target).item() for p in (0.3, 0.5, 0.6, 0.7, 0.99)}
    assert min(losses, key=losses.__getitem__) == 0.6 and losses[0.6] == pytest.approx(0, abs=1e-5)


def test_what_nobody_labelled_costs_nothing() -> None:
    target = two_classes([[1.0, 1.0, 0.0]])
    target[..., 0] = 0
    one, other = two_classes([[0.1, 0.7, 0.2]]).log(), two_classes([[0.9, 0.7, 0.2]]).log()
    assert dice_semimetric(one, target) == dice_semimetric(other, target)
    assert cross_entropy_to(one, target) == cross_entropy_to(other, target)


def test_coarser_grids_count_half_of_the_one_before() -> None:
    """H of w = 1/2 under p = 1/2 is log 2, on each grid: log 2 (1/2 + 1/4)."""
    target = mean_of_labels(torch.tensor([[[[0, 1, 0, 1], [1, 0, 1, 0]] * 2]]), 2)
    half = torch.full((1, 2, 2, 2), 0.5).log()
    found = Supervision()(truth(torch.zeros(1, 2, 4, 4), half, half[..., :1, :1]), target)
    assert found.item() == pytest.approx(0.75 * torch.tensor(2.0).log().item())


def test_the_overlap_is_taught_on_every_grid() -> None:
    """p = .5 and w = 1: D = 1 - 2 * .5 / 1.5 = 1/3 on both, H = log 2 on the coarser one."""
    half = torch.full((1, 2, 2, 2), 0.5).log()
    target = torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)], dim=1)
    found = Supervision(dice_weight=3)(truth(half, half[..., :1, :1]), target)
    assert found.item() == pytest.approx(1 + 0.5 * (torch.tensor(2.0).log().item() + 1), abs=1e-4)


def test_labels_of_those_present_are_averaged() -> None:
    labels = torch.tensor([[[[1, 1, -1]], [[1, 0, -1]], [[0, -1, -1]]]])
    found = mean_of_labels(labels, 2)[0, 1, 0]
    torch.testing.assert_close(found, torch.tensor([2 / 3, 0.5, 0]))
    assert mean_of_labels(labels, 2)[0, :, 0, 2].sum() == 0


def test_a_target_is_averaged_over_the_voxels_of_a_coarser_one() -> None:
    target = mean_of_labels(torch.tensor([[[[1, 0], [0, 0]]]]), 2)
    assert pooled(target, torch.zeros(1, 2, 1, 1)).flatten().tolist() == [0.75, 0.25]
