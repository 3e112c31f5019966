"""The rival that cannot draw: a U-Net from the visible part and the occluder straight to the whole mask."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medseg.amodal.blocks import Residual, coarser, convolution, finer, packed, unpacked
from medseg.amodal.model import Layout


class PartialCompletionNetwork(nn.Module):
    """In the manner of PCNet-M (Zhan et al., CVPR 2020, Section 3.1): p(y|v,o,c), Bernoulli per voxel.

    Built of the blocks of the auto-encoder, with their widths, and given the same inputs.
    visible, occluder (B,1,S...), class_index (B,) -> logits (B,1,S...).
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        dims, channels = len(layout.size), layout.channels
        self.patch = layout.patch
        before = (2 * layout.patch**dims, *channels)
        self.down = nn.ModuleList(
            Residual(dims, entering, width, layout.classes) for entering, width in zip(before, channels, strict=False)
        )
        self.up = nn.ModuleList(
            Residual(dims, channels[level + 1] + channels[level], channels[level], layout.classes)
            for level in reversed(range(len(channels) - 1))
        )
        self.to_logits = convolution(dims, channels[0], layout.patch**dims, 1)

    def forward(self, visible: Tensor, occluder: Tensor, class_index: Tensor) -> Tensor:
        """See the class."""
        features, passed = packed(torch.cat([visible, occluder], dim=1), self.patch), []
        for level, block in enumerate(self.down):
            features = block(coarser(features) if level else features, class_index)
            passed.append(features)
        for block, skipped in zip(self.up, passed[-2::-1], strict=True):
            features = block(torch.cat([finer(features), skipped], dim=1), class_index)
        return unpacked(self.to_logits(features), self.patch).float()
