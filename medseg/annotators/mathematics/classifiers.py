"""From features to classes without weights that could learn noisy labels by heart.

Imports torch alone: an exported bundle has a copy of this file.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn

SHORTEST = 1e-6
"""Shorter features are not lengthened to 1, so that no gradient is endless."""


class HadamardClassifier(nn.Module):
    """logits[t] = alpha H[t] . x / |x| + b[t] at every voxel: features (B,F,S...) -> logits (B,T,S...).

    Hoffer et al., ICLR 2018 (Fix your classifier), with a Hadamard matrix. H (T,F): its first rows, entries 1 and -1,
    orthogonal to each other, which nobody trains. Learned: alpha, 1/sqrt(T) at first, and b. features: F, a power of
    two no less than the classes T, since rows that are cut to another length are not orthogonal any more.
    """

    rows: Tensor
    """(T,F) H."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        if features.bit_count() != 1 or features < classes:
            raise ValueError(f"features: expected a power of two, {classes} at least, got {features}")
        doubled = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
        rows = reduce(torch.kron, [doubled] * (features.bit_length() - 1), torch.ones(1, 1))
        self.register_buffer("rows", rows[:classes].contiguous())
        self.scale = nn.Parameter(torch.tensor(classes**-0.5))
        self.bias = nn.Parameter(torch.zeros(classes))

    def forward(self, features: Tensor) -> Tensor:
        """See the class; a voxel whose features are all 0 has the logits b."""
        squares = features.float().square().sum(dim=1, keepdim=True)  # some ten times as fast as vector_norm on a CPU
        lengths = squares.clamp(min=SHORTEST**2).sqrt()
        along = (self.rows @ features.flatten(2)).unflatten(2, features.shape[2:])
        return self.scale * along / lengths + self.bias.view(1, -1, *(1,) * (features.ndim - 2))
