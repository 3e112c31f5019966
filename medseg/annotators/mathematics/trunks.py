"""Between what the true-label network knows and the logits of a confusion matrix per voxel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from monai.networks.blocks.convolutions import Convolution
from torch import Tensor, nn
from torch.nn import functional

LEVELS = 3
"""How often the truth is halved for the annotators' styles to see it from afar: by 2, 4 and 8 voxels."""

LEAST = 1e-3
"""No probability that a style sees is nearer to 0 or 1."""


@dataclass(frozen=True, kw_only=True)
class TruthOutput:
    """What the true-label network hands to the confusion head."""

    log_probs: Tensor
    """(B,T,S...) log p(t|x)."""
    features: Tensor
    """(B,F,S...) of the network's last layer."""
    coarser: tuple[Tensor, ...] = ()
    """(B,T,.) log p(t|x) on coarser grids, from fine to coarse: in training, of a network with deep supervision."""
    log_density: Tensor | None = None
    """(B,S...) log sum_t exp f(x)[t] of the logits f: log p(x) of the voxel up to a constant (``energy``)."""

    def detached(self) -> TruthOutput:
        """The same as constants: who sees them cannot move them."""
        return TruthOutput(log_probs=self.log_probs.detach(), features=self.features.detach())


class Trunk(nn.Module, ABC):
    """image (B,C,S...) and TruthOutput -> (B,F,S...) what a ``PixelConfusion`` sees."""

    @abstractmethod
    def forward(self, image: Tensor, truth: TruthOutput) -> Tensor:
        """See the class."""


class ConvolutionTrunk(Trunk):
    """Two convolutions at full resolution; through it the likelihood of the labels moves the truth and its features."""

    def __init__(self, spatial_dims: int, channels: int, features: int, classes: int, width: int) -> None:
        super().__init__()
        seen = channels + features + classes
        self.layers = nn.Sequential(
            Convolution(spatial_dims, seen, width, kernel_size=3, norm="INSTANCE", act="PRELU"),
            Convolution(spatial_dims, width, width, kernel_size=3, norm="INSTANCE", act="PRELU"),
        )

    def forward(self, image: Tensor, truth: TruthOutput) -> Tensor:
        """See ``Trunk``."""
        return self.layers(torch.cat([image, truth.features, truth.log_probs.exp()], dim=1))


class PointwiseTrunk(Trunk):
    """Two linear layers at every voxel, which see the truth as it is and from afar.

    An annotator's style is mostly a distance: so many voxels beyond the border of the truth. The log-odds of the truth
    blurred over 2, 4 and 8 voxels tell how far the border is, and a threshold on them moves it by the distance that the
    annotator has. Because no voxel asks its neighbours, a step may compute a few of them only (``sampling``).
    """

    def __init__(self, channels: int, features: int, classes: int, width: int) -> None:
        super().__init__()
        self.far = classes * (LEVELS + 1)
        seen = channels + features + self.far
        self.layers = nn.Sequential(nn.Conv1d(seen, width, 1), nn.PReLU(), nn.Conv1d(width, width, 1), nn.PReLU())

    def forward(self, image: Tensor, truth: TruthOutput) -> Tensor:
        """See ``Trunk``."""
        return self.at(self.seen(image, truth).flatten(2)).unflatten(2, image.shape[2:])

    def seen(self, image: Tensor, truth: TruthOutput) -> Tensor:
        """(B,.,S...) image, features, and p of the truth at all levels."""
        probs = truth.log_probs.exp()
        levels, average = [probs], probs
        pool = functional.avg_pool2d if probs.ndim == 4 else functional.avg_pool3d
        mode = "bilinear" if probs.ndim == 4 else "trilinear"
        for _ in range(LEVELS):
            if min(average.shape[2:]) > 1:
                average = pool(average, 2, ceil_mode=True, count_include_pad=False)
            levels.append(functional.interpolate(average, size=probs.shape[2:], mode=mode, align_corners=False))
        return torch.cat([image, truth.features, *levels], dim=1)

    def at(self, seen: Tensor) -> Tensor:
        """seen (B,.,N) of any N voxels -> (B,F,N); of the levels the layers see logit(p) / 3."""
        far = seen[:, -self.far :].clamp(LEAST, 1 - LEAST).logit() / 3
        return self.layers(torch.cat([seen[:, : -self.far], far], dim=1))
