"""A prior over complete shapes by their cells at low resolution: one at a time, each told of those before it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, avg_pool3d, binary_cross_entropy_with_logits, pad, silu

from medseg.amodal.network.blocks import convolution
from medseg.amodal.network.layout import PriorLayout

REACH = 2
"""A convolution looks so many cells back along the axis of its stack, and as many to either side along later ones."""


class PixelCNN(nn.Module):
    """p(s|c) = prod over cells i of p(s_i | s_<i, c), Bernoulli, the last axis running fastest.

    van den Oord et al., ICML 2016, Eq. 1, gated as in their NeurIPS 2016 paper, whose vertical and horizontal stacks
    become one per axis in S dimensions: the features of stack k at cell i see the cells whose first k + 1 indices come
    before those of i, so that those of the last stack see all that come before i, without a blind spot.
    shapes (B,1,s...) of 0 and 1, class_index (B,) -> logits (B,1,s...).
    """

    def __init__(self, layout: PriorLayout) -> None:
        super().__init__()
        self.cell, self.grid = layout.cell, layout.grid
        dims, width = len(layout.grid), layout.channels
        self.layers = nn.ModuleList(
            _Layer(dims, width if depth else 2, width, layout.classes, itself=depth > 0)
            for depth in range(layout.layers)
        )
        self.widen = convolution(dims, width, 2 * width, 1)
        self.to_logits = convolution(dims, 2 * width, 1, 1)

    def forward(self, shapes: Tensor, class_index: Tensor) -> Tensor:
        """See the class."""
        entering = torch.cat([2 * shapes - 1, torch.ones_like(shapes)], dim=1)  # beyond the grid both are 0
        stacks: Sequence[Tensor] = [entering] * len(self.grid)
        for layer in self.layers:
            stacks = layer(stacks, class_index)
        return self.to_logits(silu(self.widen(silu(stacks[-1])))).float()

    def nats(self, shapes: Tensor, class_index: Tensor) -> Tensor:
        """(B,) -log p(s|c) of shapes (B,1,s...)."""
        logits = self(shapes, class_index)
        return binary_cross_entropy_with_logits(logits, shapes, reduction="none").flatten(1).sum(1)

    def shapes(self, masks: Tensor) -> Tensor:
        """Masks (B,1,S...) in [0,1] -> (B,1,s...) of 0 and 1: the cells that are full to half or more."""
        pool = avg_pool2d if masks.ndim == 4 else avg_pool3d
        return (pool(masks, self.cell) >= 0.5).float()

    @torch.no_grad()
    def sample(self, class_index: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B,) -> (B,1,s...) of 0 and 1, a draw for each; as many passes as there are cells."""
        size = (len(class_index), 1, *self.grid)
        levels = torch.rand(size, generator=generator, device=class_index.device)
        drawn = torch.zeros_like(levels)
        for cell in itertools.product(*map(range, self.grid)):
            at = (..., *cell)
            begun = drawn[:, :, : cell[0] + 1]  # what lies behind is not seen
            drawn[at] = (levels[at] < self(begun, class_index)[at].sigmoid()).float()
        return drawn


class CausalConvolution(nn.Module):
    """A convolution that sees nothing that comes later along its axis, and nothing else of the axes before.

    Instead of a mask on weights, the kernel ends where the mask would begin: 1 along the axes before, 1 + ``REACH``
    along its own, 1 + 2 ``REACH`` along those after. itself: whether a cell's own place is seen, or the last one before
    is the nearest. features (B,F,s...) -> (B,F',s...).
    """

    def __init__(self, spatial_dims: int, axis: int, channels_in: int, channels: int, *, itself: bool) -> None:
        super().__init__()
        after = spatial_dims - 1 - axis
        kernel = (1,) * axis + (1 + REACH,) + (1 + 2 * REACH,) * after
        kind = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
        self.convolution = kind(channels_in, channels, kernel)  # pyright: ignore[reportArgumentType]
        ahead = (REACH, 0) if itself else (REACH + 1, -1)
        self.padding = (REACH, REACH) * after + ahead + (0, 0) * axis  # torch begins with the last axis

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        return self.convolution(pad(features, self.padding))


class _Layer(nn.Module):
    """One step of every stack: y = tanh(a) * sigmoid(b), moved by the class (van den Oord et al. 2016, Eq. 4).

    Each stack hears the one before it; but for the first layer, which sees no cell itself, y is added to what entered.
    stacks (B,F,s...) one per axis, class_index (B,) -> the same, of F' channels.
    """

    def __init__(self, spatial_dims: int, channels_in: int, channels: int, classes: int, *, itself: bool) -> None:
        super().__init__()
        self.adds = itself
        self.along = nn.ModuleList(
            CausalConvolution(spatial_dims, axis, channels_in, 2 * channels, itself=itself)
            for axis in range(spatial_dims)
        )
        self.told = nn.ModuleList(
            convolution(spatial_dims, 2 * channels, 2 * channels, 1) for _ in range(spatial_dims - 1)
        )
        self.merged = nn.ModuleList(convolution(spatial_dims, channels, channels, 1) for _ in range(spatial_dims))
        self.of_class = nn.Embedding(classes, 2 * channels)
        nn.init.zeros_(self.of_class.weight)

    def forward(self, stacks: Sequence[Tensor], class_index: Tensor) -> list[Tensor]:
        """See the class."""
        of_class = self.of_class(class_index)[(..., *(None,) * len(stacks))]
        left: list[Tensor] = []
        heard: Tensor | None = None
        for axis, features in enumerate(stacks):
            inner = self.along[axis](features)
            if heard is not None:
                inner = inner + self.told[axis - 1](heard)
            heard = inner
            a, b = (inner + of_class).chunk(2, dim=1)
            moved = self.merged[axis](a.tanh() * b.sigmoid())
            left.append(features + moved if self.adds else moved)
        return left
