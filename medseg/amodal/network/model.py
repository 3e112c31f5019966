"""The variational auto-encoder: encoders of complete and of partial masks, and the one decoder they share."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from medseg.amodal.network.blocks import Residual, convolution, finer, unpacked
from medseg.amodal.network.layout import Layout
from medseg.amodal.network.pyramid import Pyramid


@dataclass(kw_only=True)
class Code:
    """One z."""

    coarse: Tensor
    """(B,Z) which shape it is."""
    fine: Tensor
    """(B,F,s...) where exactly its outline runs, s... the grid of ``Layout.level``; with the coarse part alone, decoded
    masks are blurred at their borders."""


@dataclass(kw_only=True)
class Latent:
    """A Gaussian over z, all of whose dimensions are independent."""

    coarse: Normal
    """(B,Z) of numbers."""
    fine: Independent
    """(B,F) of channels, each over s..., so that a divergence is one number per channel."""

    @staticmethod
    def of(coarse: Normal, fine: Normal) -> Latent:
        """fine: (B,F,s...) of numbers."""
        return Latent(coarse=coarse, fine=Independent(fine, fine.mean.ndim - 2, validate_args=False))

    def mean(self) -> Code:
        """The one answer."""
        return Code(coarse=self.coarse.mean, fine=self.fine.mean)

    def sample(self, generator: torch.Generator | None = None) -> Code:
        """z = mean + sigma * eps (Kingma and Welling 2014, Eq. 10); ``rsample``, but from a generator of one's own."""
        return Code(
            coarse=_drawn(self.coarse.mean, self.coarse.stddev, generator),
            fine=_drawn(self.fine.mean, self.fine.base_dist.stddev, generator),
        )


def gaussian(mean: Tensor, logvar: Tensor) -> Normal:
    """N(mean, exp(logvar)), any shape; nothing is checked, for that costs a synchronisation with the device."""
    return Normal(mean, (0.5 * logvar).exp(), validate_args=False)


def _drawn(mean: Tensor, sigma: Tensor, generator: torch.Generator | None) -> Tensor:
    return mean + sigma * torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)


class Encoder(Pyramid):
    """q(z|v,o,c): down to the deepest level for the coarse part of z, and up again to the fine part's level."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout, layout.level)
        dims, channels = len(layout.size), layout.channels
        self.squeeze = convolution(dims, channels[-1], 16, 1)
        self.to_coarse = nn.Linear(16 * math.prod(layout.deepest), 2 * layout.coarse)
        self.to_fine = convolution(dims, channels[layout.level], 2 * layout.fine, 1)

    def forward(self, visible: Tensor, occluder: Tensor, class_index: Tensor) -> Latent:
        """visible, occluder (B,1,S...), class_index (B,) -> Latent; a complete mask comes with an empty occluder."""
        climbed = self.climb(visible, occluder, class_index)
        coarse_mean, coarse_logvar = self.to_coarse(self.squeeze(climbed.deepest).flatten(1)).float().chunk(2, dim=1)
        fine_mean, fine_logvar = self.to_fine(climbed.top).float().chunk(2, dim=1)
        return Latent.of(gaussian(coarse_mean, _bounded(coarse_logvar)), gaussian(fine_mean, _bounded(fine_logvar)))


class Decoder(nn.Module):
    """p(y|z,c), Bernoulli per voxel."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        dims, channels = len(layout.size), layout.channels
        self.patch, self.level, self.deepest = layout.patch, layout.level, layout.deepest
        self.from_coarse = nn.Linear(layout.coarse, 16 * math.prod(layout.deepest))
        entering = [*channels[1:], 16]
        self.blocks = nn.ModuleList(
            Residual(dims, entering[level] + layout.fine * (level == layout.level), channels[level], layout.classes)
            for level in reversed(range(len(channels)))
        )
        self.to_logits = convolution(dims, channels[0], layout.patch**dims, 1)

    def forward(self, code: Code, class_index: Tensor) -> Tensor:
        """z, class_index (B,) -> logits (B,1,S...)."""
        features = self.from_coarse(code.coarse).unflatten(1, (16, *self.deepest))
        for depth, block in enumerate(self.blocks):
            features = finer(features) if depth else features
            if len(self.blocks) - 1 - depth == self.level:
                features = torch.cat([features, code.fine], dim=1)
            features = block(features, class_index)
        return unpacked(self.to_logits(features), self.patch).float()


class AmodalVAE(nn.Module):
    """Ling et al., NeurIPS 2020: p(y|z,c) with q1(z|y,c) of complete masks and q2(z|v,o,c) of partly occluded ones.

    complete: q1. partial: q2. anchor: q2 as stage II left it, which stage III is held to. decoder: p(y|z,c).
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.complete = Encoder(layout)
        self.partial = Encoder(layout)
        self.anchor = Encoder(layout)
        self.decoder = Decoder(layout)


def _bounded(logvar: Tensor) -> Tensor:
    """Sigma between e^-4 and e^2, so that no exponential runs away."""
    return logvar.clamp(-8.0, 4.0)
