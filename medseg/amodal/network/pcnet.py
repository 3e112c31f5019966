"""The rival that cannot draw: a U-Net from the visible part and the occluder straight to the amodal mask."""

from __future__ import annotations

from torch import Tensor

from medseg.amodal.network.blocks import convolution, unpacked
from medseg.amodal.network.layout import Layout
from medseg.amodal.network.pyramid import Pyramid


class PartialCompletionNetwork(Pyramid):
    """In the manner of PCNet-M (Zhan et al., CVPR 2020, Section 3.1): p(y|v,o,c), Bernoulli per voxel.

    Built of the blocks of the auto-encoder, with their widths, and given the same inputs.
    visible, occluder (B,1,S...), class_index (B,) -> logits (B,1,S...).
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout, level=0)
        dims = len(layout.size)
        self.to_logits = convolution(dims, layout.channels[0], layout.patch**dims, 1)

    def forward(self, visible: Tensor, occluder: Tensor, class_index: Tensor) -> Tensor:
        """See the class."""
        return unpacked(self.to_logits(self.climb(visible, occluder, class_index).top), self.patch).float()
