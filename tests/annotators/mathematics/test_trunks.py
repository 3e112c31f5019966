"""The pointwise trunk: some voxels give what all would give there; it sees the truth from afar, and as a constant."""

from __future__ import annotations

import pytest
import torch

from medseg.annotators.mathematics.trunks import PointwiseTrunk, TruthOutput

B, C, F, T, W = 2, 1, 3, 2, 5


def shown(shape: tuple[int, ...]) -> tuple[torch.Tensor, TruthOutput]:
    generator = torch.Generator().manual_seed(0)
    log_probs = torch.randn(B, T, *shape, generator=generator).log_softmax(dim=1)
    features = torch.randn(B, F, *shape, generator=generator)
    return torch.randn(B, C, *shape, generator=generator), TruthOutput(log_probs=log_probs, features=features)


def trunk() -> PointwiseTrunk:
    torch.manual_seed(1)
    return PointwiseTrunk(C, F, T, W)


@pytest.mark.parametrize("shape", [(8, 12), (8, 6, 10), (5, 7), (8, 8, 1)])
def test_at_some_voxels_it_gives_what_it_gives_everywhere(shape: tuple[int, ...]) -> None:
    image, truth = shown(shape)
    network = trunk()
    everywhere = network(image, truth)
    assert everywhere.shape == (B, W, *shape)
    index = torch.tensor([[3, 0, 17, 34], [1, 34, 2, 9]])
    seen = network.seen(image, truth).flatten(2)
    gathered = seen.gather(2, index[:, None].expand(-1, seen.shape[1], -1))
    expected = everywhere.flatten(2).gather(2, index[:, None].expand(-1, W, -1))
    torch.testing.assert_close(network.at(gathered), expected)


def test_it_sees_how_far_the_border_of_the_truth_is() -> None:
    """Across a straight border the coarsest log-odds rise where the finest are flat on both sides of it."""
    probs = torch.full((1, 1, 32, 32), 0.02)
    probs[..., 16:] = 0.98
    log_probs = torch.cat([1 - probs, probs], dim=1).log()
    truth = TruthOutput(log_probs=log_probs, features=torch.zeros(1, 0, 32, 32))
    seen = PointwiseTrunk(0, 0, T, W).seen(torch.zeros(1, 0, 32, 32), truth)
    finest, coarsest = seen[0, 1, 16], seen[0, -1, 16]
    assert finest[12:16].unique().numel() == 1 and finest[16:20].unique().numel() == 1
    assert (coarsest[12:20].diff() > 0).all()


def test_probabilities_of_nothing_and_of_everything_stay_finite() -> None:
    log_probs = torch.tensor([0.0, -torch.inf]).view(1, T, 1, 1).expand(1, T, 8, 8)
    truth = TruthOutput(log_probs=log_probs, features=torch.zeros(1, F, 8, 8))
    assert trunk().seen(torch.zeros(1, C, 8, 8), truth).isfinite().all()


def test_no_gradient_reaches_a_truth_that_is_seen_as_a_constant() -> None:
    image, truth = shown((8, 8))
    log_probs, features = truth.log_probs.requires_grad_(), truth.features.requires_grad_()
    network = trunk()
    network(image, TruthOutput(log_probs=log_probs, features=features).detached()).sum().backward()
    assert log_probs.grad is None and features.grad is None
    assert all(weight.grad is not None for weight in network.parameters())
