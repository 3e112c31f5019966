"""Which voxels of a batch a step looks at: nearly all that annotators disagree on, a few of the others.

In most voxels of most images everybody writes the same, and the truth is certain: their part of a likelihood is small
and costs as much as any other. Each stratum is drawn evenly and weighs as much as it has labels, so that the expected
loss is that of all voxels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from medseg.contracts import UNLABELLED

DISPUTED, AGREED = 1 / 8, 1 / 16
"""Of all voxels of a sample, so many are drawn at most of each stratum."""

DOUBT = 0.05
"""A voxel is disputed too where the network doubts its most probable class more than this."""


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """Voxels drawn of each sample."""

    index: Tensor
    """(B,M) places in the flattened space."""
    labels: Tensor
    """(B,A,M) of these voxels; UNLABELLED where a sample has too few of the stratum, and others fill its row."""
    share: Tensor
    """(B,) of the sample's labelled (voxel, annotator) pairs that lie in the stratum."""

    def of(self, maps: Tensor) -> Tensor:
        """maps (B,K,N) -> (B,K,M)."""
        return maps.gather(2, self.index[:, None].expand(-1, maps.shape[1], -1))


def strata(labels: Tensor, log_probs: Tensor) -> Iterator[Stratum]:
    """labels (B,A,N), log p(t|x) (B,T,N) -> the disputed voxels, and the others; each sample has both."""
    batch, _, voxels = labels.shape
    known = labels != UNLABELLED
    pairs = known.sum(dim=(1, 2)).clamp(min=1)
    most = labels.amax(dim=1)
    least = torch.where(known, labels, most[:, None]).amin(dim=1)
    disputed = (most != least) | (log_probs.amax(dim=1) < math.log(1 - DOUBT))
    for inside, part in ((disputed, DISPUTED), (~disputed, AGREED)):
        inside = inside & known.any(dim=1)
        order = torch.rand(batch, voxels, device=labels.device) + inside
        index = order.topk(max(int(part * voxels), 1), dim=1).indices
        stratum = Stratum(index=index, labels=labels, share=(known & inside[:, None]).sum(dim=(1, 2)) / pairs)
        drawn = torch.where(inside.gather(1, index)[:, None], stratum.of(labels), UNLABELLED)
        yield Stratum(index=index, labels=drawn, share=stratum.share)
