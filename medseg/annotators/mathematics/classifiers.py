"""From features to classes without weights that could learn noisy labels by heart.

Imports torch alone: an exported bundle has a copy of this file.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional


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
        """See the class; a voxel without features has the logits b."""
        directions = functional.normalize(features.float(), dim=1)
        logits = self.scale * torch.einsum("tf,bf...->bt...", self.rows, directions)
        return logits + self.bias.view(1, -1, *(1,) * (features.ndim - 2))
