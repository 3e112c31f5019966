"""What the encoders and the rival network share: the way down the levels and up."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from medseg.amodal.network.blocks import Residual, coarser, finer, packed
from medseg.amodal.network.layout import Layout


@dataclass(kw_only=True)
class Climbed:
    """The features that come of masks."""

    up: tuple[Tensor, ...]
    """(B,F,S...) of each level of the way up, the deepest first."""

    @property
    def deepest(self) -> Tensor:
        """(B,F,S...) of the last level."""
        return self.up[0]

    @property
    def top(self) -> Tensor:
        """(B,F,S...) of the level where the way up ends."""
        return self.up[-1]


class Pyramid(nn.Module):
    """Masks -> features: down through every level, and up again to ``level``, past those of the way down."""

    def __init__(self, layout: Layout, level: int, dropout: float = 0.0) -> None:
        super().__init__()
        dims, channels = len(layout.size), layout.channels
        self.patch = layout.patch
        before = (2 * layout.patch**dims, *channels)
        self.down = nn.ModuleList(
            Residual(dims, entering, width, layout.classes, dropout=dropout)
            for entering, width in zip(before, channels, strict=False)
        )
        self.up = nn.ModuleList(
            Residual(dims, channels[above + 1] + channels[above], channels[above], layout.classes, dropout=dropout)
            for above in reversed(range(level, len(channels) - 1))
        )

    def climb(self, visible: Tensor, occluder: Tensor, class_index: Tensor) -> Climbed:
        """visible, occluder (B,1,S...), class_index (B,)."""
        features, passed = packed(torch.cat([visible, occluder], dim=1), self.patch), []
        for level, block in enumerate(self.down):
            features = block(coarser(features) if level else features, class_index)
            passed.append(features)
        climbed = [features]
        for block, skipped in zip(self.up, passed[-2::-1], strict=False):
            climbed.append(block(torch.cat([finer(climbed[-1]), skipped], dim=1), class_index))
        return Climbed(up=tuple(climbed))
