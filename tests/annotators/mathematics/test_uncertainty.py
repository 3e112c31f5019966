"""Disagreement of passes by hand, what is chosen by it, and what it counts."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from medseg.annotators.mathematics.model import TrueLabelNetwork
from medseg.annotators.mathematics.settings import NetworkConfig
from medseg.annotators.mathematics.uncertainty import (
    Passes,
    chosen,
    confident,
    disagreement,
    dropouts,
    passed,
    weights_of,
)


def two_classes(*foreground: float) -> Tensor:
    """A pass per number, of one case and voxel: (K,1,2,1)."""
    return torch.tensor([[[[1 - p], [p]]] for p in foreground])


def test_passes_that_say_the_same_do_not_disagree_be_they_unsure() -> None:
    for probability in (0.0, 0.3, 0.5, 1.0):
        torch.testing.assert_close(disagreement(two_classes(probability, probability)), torch.zeros(1, 1))


def test_certain_passes_for_different_classes_disagree_by_log_2() -> None:
    assert disagreement(two_classes(0.0, 1.0)).item() == pytest.approx(math.log(2))
    assert disagreement(two_classes(0.0, 0.0, 0.0, 1.0)).item() == pytest.approx(
        -0.25 * math.log(0.25) - 0.75 * math.log(0.75)
    )


def test_confidence_is_minus_the_logarithm_of_the_variance() -> None:
    torch.testing.assert_close(
        confident(torch.tensor([0.25, math.exp(-3), 0.0])), torch.tensor([math.log(4), 3.0, 10 * math.log(10)])
    )


NATS = torch.tensor([[0.4, 0.1, 0.3, 0.2], [0.05, 0.06, 0.07, 9.0]])
INSIDE = torch.tensor([[True, True, True, True], [True, True, True, False]])


@pytest.mark.parametrize(
    ("hard", "first", "second"),
    [(False, [False, True, False, True], [True, True, False, False]),
     (True, [True, False, True, False], [False, True, True, False])],
)  # fmt: skip
def test_of_each_case_the_easiest_or_the_hardest_voxels_are_chosen(
    hard: bool, first: list[bool], second: list[bool]
) -> None:
    """Half of four, and of the three that are inside (round(1.5) = 2): what is outside is hard, and not chosen."""
    found = chosen(NATS, INSIDE, 0.5, select="voxels", hard=hard)
    assert found.tolist() == [first, second]


def test_of_a_batch_the_easiest_or_the_hardest_cases_are_chosen_one_at_least() -> None:
    """Their means inside are .25 and .06 nats."""
    easy, hard = (chosen(NATS, INSIDE, 0.01, select="cases", hard=hard) for hard in (False, True))
    assert easy.tolist() == [[False] * 4, INSIDE[1].tolist()]
    assert hard.tolist() == [[True] * 4, [False] * 4]
    assert chosen(NATS, INSIDE, 1.0, select="cases", hard=False).equal(INSIDE)


def test_inverse_weights_are_one_over_the_mean_disagreement_of_a_case() -> None:
    passes = Passes(mean=torch.ones(2, 2, 4) / 2, disagreement=NATS, variance=torch.full((2, 4), 0.01))
    inverse = weights_of(passes, INSIDE, "inverse")
    torch.testing.assert_close(inverse, torch.tensor([[1 / 0.25], [1 / 0.06]]).expand(2, 4))
    torch.testing.assert_close(weights_of(passes, INSIDE, "confident"), torch.full((2, 4), -math.log(0.01)))
    assert weights_of(passes, INSIDE, "none").equal(torch.ones(2, 4))


def network(dropout: float) -> TrueLabelNetwork:
    torch.manual_seed(0)
    config = NetworkConfig(channels=(4, 8), features=4, residual_units=1, dropout=dropout, name="unet")
    return TrueLabelNetwork(config, 1, 2, size=(8, 8)).eval()


def test_passes_drop_activations_and_leave_the_network_as_it_was() -> None:
    image = torch.randn(2, 1, 8, 8)
    dropping, still = network(0.5), network(0.0)
    assert dropouts(dropping) and not dropouts(still)
    found = passed(dropping, image, 4)
    assert found.disagreement.shape == found.variance.shape == (2, 8, 8) and found.variance.max() > 1e-4
    torch.testing.assert_close(found.mean.sum(dim=1), torch.ones(2, 8, 8))
    assert not any(module.training for module in dropping.modules())
    same = passed(still, image, 4)
    torch.testing.assert_close(same.mean, still(image).log_probs.exp())
    torch.testing.assert_close(same.disagreement, torch.zeros(2, 8, 8), atol=1e-6, rtol=0)
