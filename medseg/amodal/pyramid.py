"""What the encoders and the rival network share: the numbers they are built for, and the way down the levels and up."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from medseg.amodal.blocks import Residual, coarser, finer, packed


@dataclass(frozen=True)
class Layout:
    """What every part of the model is built for.

    size: (S,) voxels of the frame. classes: K. channels: width of each level, from fine to coarse; each is half as long
    as the one before. patch: so many voxels along each axis enter as one position of the first level, its channels.
    coarse: Z, the length of the part of z for the whole shape. fine: F, the channels of the part for its outline.
    level: the level on whose grid the fine part lies.
    """

    size: tuple[int, ...]
    classes: int
    channels: tuple[int, ...] = (32, 64, 64)
    patch: int = 2
    coarse: int = 32
    fine: int = 4
    level: int = 1

    @property
    def deepest(self) -> tuple[int, ...]:
        """(S,) the grid of the last level."""
        return tuple(length // self.patch >> (len(self.channels) - 1) for length in self.size)


@dataclass
class Climbed:
    """Features (B,F,S...) of the deepest level, and of the level where the way up ends."""

    deepest: Tensor
    top: Tensor


class Pyramid(nn.Module):
    """Masks -> features: down through every level, and up again to ``level``, past those of the way down."""

    def __init__(self, layout: Layout, level: int) -> None:
        super().__init__()
        dims, channels = len(layout.size), layout.channels
        self.patch = layout.patch
        before = (2 * layout.patch**dims, *channels)
        self.down = nn.ModuleList(
            Residual(dims, entering, width, layout.classes) for entering, width in zip(before, channels, strict=False)
        )
        self.up = nn.ModuleList(
            Residual(dims, channels[above + 1] + channels[above], channels[above], layout.classes)
            for above in reversed(range(level, len(channels) - 1))
        )

    def climb(self, visible: Tensor, occluder: Tensor, class_index: Tensor) -> Climbed:
        """visible, occluder (B,1,S...), class_index (B,)."""
        features, passed = packed(torch.cat([visible, occluder], dim=1), self.patch), []
        for level, block in enumerate(self.down):
            features = block(coarser(features) if level else features, class_index)
            passed.append(features)
        for block, skipped in zip(self.up, passed[-2::-1], strict=False):
            features = block(torch.cat([finer(features), skipped], dim=1), class_index)
        return Climbed(passed[-1], features)
