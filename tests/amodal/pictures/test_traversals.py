"""Codes that differ along two known directions: these are walked along, and it is said where they lie."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from medseg.amodal.network.model import AmodalVAE, Code, Latent, gaussian
from medseg.amodal.nouns import MaskBatch
from medseg.amodal.pictures.traversals import STEPS, traversed

FINE, COARSE = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]), torch.tensor([0.5, -1.0, 0.0, 1.0, -0.5])


def complete(amodal: Tensor, class_index: Tensor) -> Latent:
    """The first number of the fine part, and the second of the coarse part; everything else is the same."""
    coarse, fine = torch.full((5, 2), 7.0), torch.full((5, 1, 2, 2), 3.0)
    coarse[:, 1], fine[:, 0, 0, 0] = COARSE, 3 + FINE
    return Latent.of(gaussian(coarse, 0 * coarse), gaussian(fine, 0 * fine))


def decoder(code: Code, class_index: Tensor) -> Tensor:
    """The number of each that moves, as two pixels."""
    assert torch.allclose(code.coarse[:, 0], torch.tensor(7.0))
    return torch.stack([code.fine[:, 0, 0, 0] - 3, code.coarse[:, 1]], dim=1)[:, None, None]


def test_the_directions_of_the_codes_are_walked_along_by_hand():
    shapes, classes = torch.zeros(5, 1, 4, 4), torch.zeros(5, dtype=torch.long)
    batch = MaskBatch(visible=shapes, occluder=shapes, amodal=shapes, class_index=classes, case_index=classes)
    walks = traversed(cast(AmodalVAE, SimpleNamespace(complete=complete, decoder=decoder)), batch)
    values = np.log(walks.probs / (1 - walks.probs))[:2, :, 0]  # the inverse of the sigmoid
    # sums of squares 10 and 2.5 of five codes whose mean is the third: standard deviations sqrt(10 / 4), sqrt(2.5 / 4)
    for row, sigma in ((0, 2.5**0.5), (1, 0.625**0.5)):
        np.testing.assert_allclose(np.abs(values[row, :, row]), np.abs(STEPS) * sigma, atol=1e-4)
        assert values[row, 0, row] * values[row, -1, row] < 0  # from one side to the other
        np.testing.assert_allclose(values[row, :, 1 - row], 0, atol=1e-4)
    assert walks.names[:2] == ("80 %\ncoarse\n0 %", "20 %\ncoarse\n100 %")
