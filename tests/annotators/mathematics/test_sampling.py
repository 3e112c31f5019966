"""Some voxels instead of all: the expected loss is the same, and voxels that nobody labelled count for nothing."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from medseg.annotators.mathematics.sampling import AGREED, DISPUTED, strata
from medseg.contracts import UNLABELLED

B, A, T, N = 3, 3, 2, 96


def shown() -> tuple[Tensor, Tensor]:
    """labels (B,A,N) with a disputed quarter and some missing; log p (B,T,N), in doubt at four voxels."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.zeros(B, A, N, dtype=torch.long)
    labels[:, :2, :24] = 1
    labels[0, 2] = UNLABELLED
    labels[1, :, 80:] = UNLABELLED
    confident = torch.full((B, N), 0.99)
    confident[:, 30:34] = 0.6
    noise = 0.005 * torch.rand(B, N, generator=generator)
    return labels, torch.stack([confident - noise, 1 - confident + noise], dim=1).log()


def cost(labels: Tensor, log_probs: Tensor) -> Tensor:
    """(B,) mean over labelled pairs of -log p[y]; 0 of a sample without any."""
    known = labels != UNLABELLED
    nll = -log_probs[:, None].expand(-1, labels.shape[1], -1, -1).gather(2, labels.clamp(min=0)[:, :, None])[:, :, 0]
    return (nll * known).sum(dim=(1, 2)) / known.sum(dim=(1, 2)).clamp(min=1)


def test_the_shares_of_the_strata_sum_to_one() -> None:
    parts = list(strata(*shown()))
    assert len(parts) == 2
    torch.testing.assert_close(parts[0].share + parts[1].share, torch.ones(B))
    labels, log_probs = shown()
    labels[2] = UNLABELLED
    assert sum(float(part.share[2]) for part in strata(labels, log_probs)) == 0


def test_the_share_of_the_disputed_by_hand() -> None:
    """24 voxels that differ and 4 in doubt, of 96; none differ in the first sample, the second has 80 with labels."""
    share = next(iter(strata(*shown()))).share
    assert share.tolist() == pytest.approx([4 / 96, 28 / 80, 28 / 96])


def test_so_many_voxels_are_drawn_of_each() -> None:
    first, second = strata(*shown())
    assert first.index.shape == (B, int(DISPUTED * N)) and second.index.shape == (B, int(AGREED * N))
    for part in (first, second):
        assert all(len(set(row.tolist())) == len(row) for row in part.index)  # none twice


def test_a_stratum_that_is_too_small_is_filled_with_voxels_that_count_for_nothing() -> None:
    labels, log_probs = torch.zeros(1, A, N, dtype=torch.long), torch.tensor([[0.99], [0.01]]).log().expand(1, -1, N)
    labels[0, 0, 5] = 1  # the only disputed voxel
    first, _ = strata(labels, log_probs)
    drawn = (first.labels != UNLABELLED).any(dim=1)
    assert first.index[drawn].tolist() == [5]


def test_the_expected_loss_is_that_of_all_voxels() -> None:
    torch.manual_seed(0)
    labels, log_probs = shown()
    full, draws = cost(labels, log_probs), 3000
    total = torch.zeros(B)
    for _ in range(draws):
        for part in strata(labels, log_probs):
            total += part.share * cost(part.labels, part.of(log_probs))
    torch.testing.assert_close(total / draws, full, rtol=0.02, atol=0)


def test_what_is_gathered_lies_where_the_index_says() -> None:
    labels, log_probs = shown()
    for part in strata(labels, log_probs):
        at = part.index[1, 0]
        assert (part.of(log_probs)[1, :, 0] == log_probs[1, :, at]).all()
        seen = part.labels[1, :, 0]
        assert (seen == labels[1, :, at]).all() or (seen == UNLABELLED).all()


def test_doubt_of_the_network_alone_makes_a_voxel_disputed() -> None:
    labels = torch.zeros(1, A, N, dtype=torch.long)
    log_probs = torch.full((1, T, N), math.log(0.5))
    disputed, agreed = strata(labels, log_probs)
    assert disputed.share.item() == 1 and agreed.share.item() == 0
