"""The rival without z: a U-Net from the visible part and the occluder straight to the amodal mask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from medseg.amodal.network.blocks import convolution, unpacked
from medseg.amodal.network.layout import Layout
from medseg.amodal.network.pyramid import Pyramid


class PartialCompletionNetwork(Pyramid):
    """In the manner of PCNet-M (Zhan et al., CVPR 2020, Section 3.1): p(y|v,o,c), Bernoulli per voxel.

    Built of the blocks of the auto-encoder, with their widths, and given the same inputs.
    visible, occluder (B,1,S...), class_index (B,) -> logits (B,1,S...).
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout, level=0, dropout=layout.dropout)
        dims = len(layout.size)
        self.draws = layout.dropout > 0
        self.to_logits = convolution(dims, layout.channels[0], layout.patch**dims, 1)

    def forward(self, visible: Tensor, occluder: Tensor, class_index: Tensor) -> Tensor:
        """See the class."""
        return unpacked(self.to_logits(self.climb(visible, occluder, class_index).top), self.patch).float()

    @contextmanager
    def dropping(self, generator: torch.Generator | None) -> Iterator[None]:
        """Dropout is on, though the network is not in training: each pass is a draw (Gal and Ghahramani, ICML 2016).

        generator: seeds what is drawn here, and nothing beyond: torch's dropout knows the global generator alone.
        """
        parts = [part for part in self.modules() if isinstance(part, nn.Dropout2d | nn.Dropout3d)]
        where = next(self.parameters()).device
        seed = torch.randint(2**62, (), generator=generator, device=generator.device if generator else None)
        with torch.random.fork_rng([where] if where.type == "cuda" else []):
            torch.manual_seed(int(seed))
            try:
                for part in parts:
                    part.train()
                yield
            finally:
                for part in parts:
                    part.train(self.training)
