"""The Dice that is watched in validation, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from medseg.annotators.mathematics.overlap import vote_dice


def said(*classes: int) -> Tensor:
    """log_probs (1,3,N) of which these classes are the most probable."""
    return torch.nn.functional.one_hot(torch.tensor([classes]), 3).movedim(-1, 1).mul(0.8).add(0.1).log()


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([[1, 1, 0, 0]], 1.0),
        ([[1, 0, 0, 0]], 2 / 3),
        ([[2, 2, 0, 0]], 0.0),  # the wrong class
        ([[1, 2, 0, 0]], 1 / 2),
        ([[1, -1, 0, 0]], 1.0),  # what nobody labelled counts in neither
        ([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 0]], 1.0),  # outvoted
    ],
)
def test_one_sample(labels: list[list[int]], expected: float) -> None:
    assert vote_dice(said(1, 1, 0, 0), torch.tensor([labels])).item() == pytest.approx(expected)


def test_samples_are_averaged_and_an_empty_one_that_is_found_empty_counts_as_one() -> None:
    log_probs = torch.cat([said(1, 1, 0, 0), said(0, 0, 0, 0)])
    labels = torch.tensor([[[1, 0, 0, 0]], [[0, 0, 0, 0]]])
    assert vote_dice(log_probs, labels).item() == pytest.approx((2 / 3 + 1) / 2)
